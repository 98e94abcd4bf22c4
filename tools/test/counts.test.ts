import { describe, expect, test } from "vitest";
import { add, countReport, none, summary } from "./counts.ts";

function report(
  ...files: { status?: string; tests?: [name: string, status: string, because?: string, limit?: boolean][] }[]
): string {
  return JSON.stringify({
    numTotalTests: 0,
    testResults: files.map(({ status = "passed", tests = [] }) => ({
      name: "/a.test.ts",
      status,
      message: "",
      assertionResults: tests.map(([fullName, state, because, limit]) => ({
        fullName,
        status: state,
        failureMessages: state === "failed" ? [because] : [],
        meta: { because, limit },
      })),
    })),
  });
}

describe("counting a report", () => {
  test("tests are counted by how they ended, skips by name and reason, limits of an adapter apart", () => {
    const file = {
      status: "failed",
      tests: [
        ["a", "passed"],
        ["b", "failed", "\u001b[31mAssertionError: expected 1 to be 2\u001b[39m\n\n    at b (/a.test.ts:3:4)"],
        ["c", "skipped", "no engine here"],
        ["f", "skipped", "HAProxy has no Brotli", true],
      ],
    };
    expect(
      countReport(
        report(file as never, {
          tests: [
            ["d", "passed"],
            ["e", "todo"],
          ],
        }),
        false,
      ),
    ).toEqual({
      passed: 2,
      failed: [{ name: "b", because: "AssertionError: expected 1 to be 2" }],
      skipped: [
        { name: "c", because: "no engine here" },
        { name: "e", because: "no reason given" },
      ],
      limits: [{ name: "f", because: "HAProxy has no Brotli" }],
      unsteady: [],
    });
  });

  test("a test that passed at its second try is passed and named with what the first one said", () => {
    const assertionResults = [{ fullName: "a", status: "passed", meta: { atFirst: "1 is not 2\n    at a.ts" } }];
    const file = { name: "/a.test.ts", status: "passed", message: "", assertionResults };
    expect(countReport(JSON.stringify({ testResults: [file] }), true)).toEqual({
      ...none,
      passed: 1,
      unsteady: [{ name: "a", because: "1 is not 2" }],
    });
  });

  test("a file that cannot be loaded is one failure", () => {
    const counts = countReport(report({ status: "failed" }, { tests: [["a", "passed"]] }), false);
    expect(counts).toMatchObject({ passed: 1, failed: [{ name: "/a.test.ts" }] });
  });

  test("a run that ended badly is never green", () => {
    expect(countReport(report({ tests: [["a", "passed"]] }), false)).toMatchObject({
      passed: 1,
      failed: [{ name: "the whole run" }],
    });
    for (const nothing of [null, "{}"]) expect(countReport(nothing, true).failed).toHaveLength(1);
  });

  test("the last line has the form that scripts read", () => {
    expect(summary({ ...none, passed: 3 })).toBe("3 passed, 0 failed");
    const skipped = [{ name: "a", because: "b" }];
    expect(
      summary(
        add(
          { ...none, passed: 1, failed: [...skipped, ...skipped], limits: skipped, skipped },
          { ...none, passed: 1, skipped },
        ),
      ),
    ).toBe("2 passed, 2 failed, 2 skipped");
  });
});
