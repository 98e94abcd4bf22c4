import { describe, expect, test } from "vitest";
import { formatDiagnostic } from "./diagnostic.ts";
import { example } from "./example.ts";
import { environmentsOf, readManifest } from "./read.ts";
import { variableKeys } from "./source.ts";
import { variables } from "./variable.ts";

const read = (text: string, environment = "production") => readManifest(text, { file: "fairlead.yml", environment });

describe("readManifest", () => {
  test.for(["production", "staging", "testing"])("reads the example of the reference page for %s", (environment) => {
    const reading = read(example, environment);
    expect(reading.ok ? [] : reading.diagnostics.map(formatDiagnostic)).toEqual([]);
  });

  test("merges the example's overlay and fills in what it does not say", () => {
    const reading = read(example, "staging");
    const [web, worker] = reading.ok ? reading.spec.services : [];
    expect(web?.replicas).toBe(2);
    expect(web?.http?.hosts).toEqual(["staging--web.kairo.localhost"]);
    expect(worker?.variables.LOG_LEVEL).toMatchObject({ value: "DEBUG", oneOf: ["DEBUG", "INFO", "WARNING", "ERROR"] });
    expect(worker?.stop).toEqual({ signal: "SIGTERM", withinMs: 30_000, drainMs: 30_000 });
  });

  test.for([
    ["more than 256 KiB", `app: ${"x".repeat(256 * 1024)}`, /larger than 256 KiB/],
    ["one line of 1 MB", `app: [${"1,".repeat(500_000)}]`, /larger than 256 KiB/],
    ["more tokens than a manifest has", `app: [${"1,".repeat(100_000)}]`, /more than 30000/],
    ["one very long text", `app: "${"\\\\q".repeat(30_000)}"`, /more than 40000 characters/],
    ["binary", "app: \u0000\u0001\u0002", /not a text file/],
    ["a terminal's control characters", 'app: "\\u001b[2J"', /is not an app name/],
  ] as const)("refuses %s at once", ([, text, because]) => {
    const before = process.cpuUsage();
    const reading = read(text);
    expect(reading.ok ? "" : reading.diagnostics.map(formatDiagnostic).join("\n")).toMatch(because);
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
  });

  test("keeps to a hundred complaints", () => {
    const reading = read(Array.from({ length: 500 }, (_, i) => `key${i}: 1`).join("\n"));
    expect(reading.ok ? 0 : reading.diagnostics.length).toBe(101);
  });

  test("knows the typed form's keys where it decides what may be shown", () => {
    expect(Object.keys(variables.each?.fields ?? {}).sort()).toEqual([...variableKeys].sort());
  });
});

describe("environmentsOf", () => {
  test("names what is declared, in written order", () => {
    expect(environmentsOf(example)).toEqual(["production", "staging"]);
    expect(environmentsOf("environments: { b: {}, a: , Not A Name: {} }")).toEqual(["b", "a"]);
  });

  test.for(["", "a", "[", "environments: 1", "environments: &a [*a]"])("finds none in %j", (text) => {
    expect(environmentsOf(text)).toEqual([]);
  });
});
