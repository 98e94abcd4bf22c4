import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runChild } from "../host/child.ts";
import { makeStateDirectory } from "./state-directory.ts";

let around: string;

beforeEach(() => {
  around = mkdtempSync(join(tmpdir(), "fairlead-state-"));
});

afterEach(() => rmSync(around, { recursive: true, force: true }));

describe("the state directory", () => {
  test("is made with those above it, open to pass through and to nothing else", () => {
    const directory = join(around, "a/b");
    makeStateDirectory(directory);
    makeStateDirectory(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o711);
  });

  test.runIf(process.getuid?.() === 0)(
    "that is there becomes as if it had been made, while it is empty and root's own",
    () => {
      const modeOf = (mode: number) => {
        chmodSync(around, mode);
        makeStateDirectory(around);
        return statSync(around).mode & 0o777;
      };
      expect(modeOf(0o700)).toBe(0o711);
      chownSync(around, 65_534, 65_534);
      expect(modeOf(0o700)).toBe(0o700);
      chownSync(around, 0, 0);
      writeFileSync(join(around, "file"), "");
      expect(modeOf(0o700)).toBe(0o700);
    },
  );

  test("is ignored by Git, by a file that is made once and never changed", () => {
    makeStateDirectory(around);
    const file = join(around, ".gitignore");
    expect(readFileSync(file, "utf8")).toBe("*\n");
    writeFileSync(file, "*.log\n");
    makeStateDirectory(around);
    expect(readFileSync(file, "utf8")).toBe("*.log\n");
  });

  test("that is a file, or lies below one, is refused in words", () => {
    writeFileSync(join(around, "file"), "");
    for (const at of ["file", "file/below"]) {
      expect(() => makeStateDirectory(join(around, at))).toThrow(
        expect.objectContaining({ code: "usage.invalid", message: expect.stringContaining(join(around, at)) }),
      );
    }
  });

  test("where nothing can be made is refused, and does not hang", () => {
    expect(() => makeStateDirectory("/proc/nothing/here")).toThrow(expect.objectContaining({ code: "usage.invalid" }));
  });

  test("that may not be written to is refused", async () => {
    const closed = join(around, "closed");
    mkdirSync(closed);
    chmodSync(around, 0o711);
    chmodSync(closed, 0o555);
    for (const at of [closed, join(closed, "below")]) {
      expect(await makeUnprivileged(at)).toEqual({ code: "usage.invalid", detail: expect.stringContaining(at) });
    }
  });
});

/** Root may write everywhere, so a process that loads all as it is and then becomes nobody makes the directory. */
async function makeUnprivileged(directory: string): Promise<unknown> {
  const script = `
    const { makeStateDirectory } = await import(${JSON.stringify(new URL("state-directory.ts", import.meta.url))});
    if (process.getuid() === 0) {
      process.setgroups([]);
      process.setgid(65534);
      process.setuid(65534);
    }
    try {
      makeStateDirectory(process.argv[1]);
      console.log("null");
    } catch ({ code, detail }) {
      console.log(JSON.stringify({ code, detail }));
    }`;
  const node = [process.execPath, "--input-type=module", "--eval", script, directory] as const;
  const { stdout, stderr } = await runChild(node, { env: {} });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}
