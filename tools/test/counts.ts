import { stripVTControlCharacters } from "node:util";
import { z } from "zod";

/** The part of vitest's JSON report that is read here. */
const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).optional(),
          meta: z.object({
            because: z.string().optional(),
            limit: z.boolean().optional(),
            atFirst: z.string().optional(),
          }),
        }),
      ),
    }),
  ),
});

export interface Counts {
  readonly passed: number;
  readonly failed: readonly Named[];
  /** Tests that could run on another machine. */
  readonly skipped: readonly Named[];
  /** Tests of what an adapter does not do anywhere (src/testing/conformance/limit.ts); they count as nothing. */
  readonly limits: readonly Named[];
  /** Tests, among those passed, whose first try failed, and what it said. */
  readonly unsteady: readonly Named[];
}

/** A test that failed or did not run, and why. */
export interface Named {
  readonly name: string;
  readonly because: string;
}

export const none: Counts = { passed: 0, failed: [], skipped: [], limits: [], unsteady: [] };

/** The first lines of a failure, without colours and without the places in the code: enough to know it by. */
function gist(message: string): string {
  const lines = stripVTControlCharacters(message)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("at "));
  return lines.slice(0, 3).join(" ").slice(0, 300);
}

/**
 * Counts the tests of a report. A file that fails without a failed test (it cannot be loaded, a hook fails) counts as one
 * failure, and so does a run that ended badly with nothing in the report to show for it, or left no report at all.
 */
export function countReport(json: string | null, endedWell: boolean): Counts {
  const report = json === null ? null : (reportSchema.safeParse(JSON.parse(json)).data ?? null);
  if (report === null) return { ...none, failed: [{ name: "the whole run", because: "it left no report" }] };
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const isFailed = ({ status }: { status: string }): boolean => status === "failed";
  const failed: Named[] = [
    ...tests.filter(isFailed).map(({ fullName, failureMessages }) => {
      return { name: fullName, because: gist(failureMessages?.[0] ?? "") };
    }),
    ...report.testResults
      .filter((file) => isFailed(file) && !file.assertionResults.some(isFailed))
      .map(({ name, message }) => ({ name, because: gist(message) })),
  ];
  if (failed.length === 0 && !endedWell) failed.push({ name: "the whole run", because: "it ended badly" });
  const leftOut = tests.filter(({ status }) => status !== "passed" && status !== "failed");
  const named = ({ fullName, meta }: (typeof tests)[number]): Named => ({
    name: fullName,
    because: meta.because ?? "no reason given",
  });
  return {
    passed: tests.filter(({ status }) => status === "passed").length,
    failed,
    skipped: leftOut.filter(({ meta }) => !meta.limit).map(named),
    limits: leftOut.filter(({ meta }) => meta.limit).map(named),
    unsteady: tests
      .filter(({ status }) => status === "passed")
      .flatMap(({ fullName, meta }) =>
        meta.atFirst === undefined ? [] : { name: fullName, because: gist(meta.atFirst) },
      ),
  };
}

export function add(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: [...a.failed, ...b.failed],
    skipped: [...a.skipped, ...b.skipped],
    limits: [...a.limits, ...b.limits],
    unsteady: [...a.unsteady, ...b.unsteady],
  };
}

/** The last line of a test run; scripts read it, so its form is fixed. */
export function summary({ passed, failed, skipped }: Counts): string {
  const line = `${passed} passed, ${failed.length} failed`;
  return skipped.length === 0 ? line : `${line}, ${skipped.length} skipped`;
}
