import type { Reporter, TestCase } from "vitest/node";

/** Puts the reason of `skip("reason")` where the JSON report shows it: that report leaves it out by itself (vitest 5). */
export default class Notes implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    if (result.state === "skipped" && result.note) Object.assign(test.meta(), { because: result.note });
  }
}
