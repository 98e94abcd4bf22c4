import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { matcher, patternFault } from "./pattern.ts";

describe("patternFault", () => {
  test.for([
    "^sk-",
    "^(sk|pk)-[a-z0-9]{20,40}$",
    "^https?://[^/]+(/.*)?$",
    "^(ab)+$",
    "^\\(a+\\)+$",
    "[(a+)]*",
    "^(?:a?b)?$",
  ])("takes %s", (pattern) => {
    expect(patternFault(pattern)).toBeNull();
  });

  test.for(["(a+)+$", "(a*)*", "(?:a+){2,}", "((a+))*", "(a|a)*", "((a|b))+", "(x(y+)z)*", "(a{2,5})+", "(a?){30}a"])(
    "refuses %s, which can take forever",
    (pattern) => {
      expect(patternFault(pattern)).toMatch(/forever/);
    },
  );

  test.for(["(a)\\1", "(?<n>a)\\k<n>", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)"])("refuses %s", (pattern) => {
    expect(patternFault(pattern)).toMatch(/uses a backreference or lookaround/);
  });

  test("refuses what is no expression or too long", () => {
    expect(patternFault("(")).toMatch(/not a regular expression/);
    expect(patternFault("a".repeat(201))).toMatch(/200 characters/);
  });
});

describe("matcher", () => {
  test("matches as JavaScript does", () => {
    const match = matcher();
    expect(match("^sk-", "sk-1")).toBe("yes");
    expect(match("^sk-", "pk-1")).toBe("no");
  });

  test("stops what takes too long, and altogether when the time is used up", () => {
    const match = matcher();
    const began = process.cpuUsage();
    for (let i = 0; i < 200; i += 1) expect(match(".*.*.*.*.*.*x$", "a".repeat(30_000))).toBe("slow");
    expect(process.cpuUsage(began).user).toBeLessThan(5_000_000);
    expect(match("^sk-", "sk-1")).toBe("slow");
    expect(matcher()("^sk-", "sk-1")).toBe("yes");
  });

  test("a machine that is busy with something else makes no expression slow", async () => {
    const busy = Array.from({ length: 3 * availableParallelism() }, () => new Worker("for (;;) {}", { eval: true }));
    try {
      await Promise.all(busy.map((one) => once(one, "online")));
      const match = matcher();
      for (let i = 0; i < 200; i += 1) expect(match("^[a-z]{1,200}$", "x".repeat(150))).toBe("yes");
    } finally {
      await Promise.all(busy.map((one) => one.terminate()));
    }
  });
});
