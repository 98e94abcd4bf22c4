import type { Reporter, TestCase } from "vitest/node";

/**
 * Puts what the JSON report omits by itself (vitest 5) where it shows it: the reason of `skip("reason")`, and what the
 * first try of a test said that passed at its second.
 */
export default class Notes implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    if (test.diagnostic()?.flaky)
      Object.assign(test.meta(), { atFirst: result.errors?.[0]?.message ?? "nothing said" });
    if (result.state === "skipped" && result.note) Object.assign(test.meta(), { because: result.note });
  }
}
