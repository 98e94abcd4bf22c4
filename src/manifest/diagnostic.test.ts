import { describe, expect, test } from "vitest";
import { Diagnostics, formatDiagnostic, nearest } from "./diagnostic.ts";

describe("formatComplaint", () => {
  test("names file, place and path", () => {
    const diagnostic = {
      file: "fairlead.yml",
      line: 12,
      column: 7,
      path: "services.web.http.port",
      message: "is wrong",
    };
    expect(formatDiagnostic(diagnostic)).toBe("fairlead.yml:12:7 services.web.http.port: is wrong");
  });

  test("leaves out what is not known", () => {
    expect(formatDiagnostic({ path: "services.web.env.KEY", message: "has no value" })).toBe(
      "services.web.env.KEY: has no value",
    );
    expect(formatDiagnostic({ file: "f", line: 1, column: 2, path: "", message: "is no YAML" })).toBe(
      "f:1:2 is no YAML",
    );
  });
});

describe("nearest", () => {
  test.for([
    ["prot", "port"],
    ["PORT", "port"],
    ["memry", "memory"],
    ["replica", "replicas"],
    ["nothing", null],
    ["x".repeat(41), null],
  ] as const)("%s → %s", ([word, meant]) => {
    expect(nearest(word, ["port", "memory", "replicas", "env"])).toBe(meant);
  });
});

describe("Complaints", () => {
  test("come once each, in the order of the file, at most a hundred and a word of the rest", () => {
    const diagnostics = new Diagnostics("f");
    for (let line = 150; line > 0; line -= 1)
      for (const _ of "ab") diagnostics.addAt({ line, column: 1, path: "a" }, "is wrong");
    const list = diagnostics.list();
    expect(list).toHaveLength(101);
    expect(list[0]?.line).toBe(1);
    expect(list[100]).toMatchObject({ line: 101, path: "", message: "and more errors after this line" });
  });
});
