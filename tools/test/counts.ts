import { z } from "zod";

/** The part of vitest's JSON report that is read here. */
const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), meta: z.object({ because: z.string().optional() }) }),
      ),
    }),
  ),
});

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Name and reason of every test that did not run. */
  readonly skipped: readonly { readonly name: string; readonly because: string }[];
}

export const none: Counts = { passed: 0, failed: 0, skipped: [] };

/**
 * Counts the tests of a report. A file that fails without a failed test (it cannot be loaded, a hook fails) counts as one
 * failure, and so does a run that ended badly with nothing in the report to show for it, or left no report at all.
 */
export function countReport(json: string | null, endedWell: boolean): Counts {
  const report = json === null ? null : (reportSchema.safeParse(JSON.parse(json)).data ?? null);
  if (report === null) return { ...none, failed: 1 };
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const isFailed = ({ status }: { status: string }): boolean => status === "failed";
  const files = report.testResults.filter((file) => isFailed(file) && !file.assertionResults.some(isFailed));
  const failed = tests.filter(isFailed).length + files.length;
  return {
    passed: tests.filter(({ status }) => status === "passed").length,
    failed: failed === 0 && !endedWell ? 1 : failed,
    skipped: tests
      .filter(({ status }) => status !== "passed" && status !== "failed")
      .map(({ fullName, meta }) => ({ name: fullName, because: meta.because ?? "no reason given" })),
  };
}

export function add(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: [...a.skipped, ...b.skipped] };
}

/** The last line of a test run; scripts read it, so its form is fixed. */
export function summary({ passed, failed, skipped }: Counts): string {
  const line = `${passed} passed, ${failed} failed`;
  return skipped.length === 0 ? line : `${line}, ${skipped.length} skipped`;
}
