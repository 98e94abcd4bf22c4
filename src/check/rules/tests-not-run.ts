import { isTestFile, type Rule } from "../subject.ts";

/** R117, R128: tests pass before a deployment. */
export const testsNotRun: Rule = {
  id: "tests-not-run",
  title: "Tests run before a release",
  why: "They may run elsewhere, but nothing here stops a release that fails them from going live.",
  fix: "add checks: { before: { tests: npm test } } to the service that they test",
  severity: () => "note",
  look: ({ spec, files }) => {
    if (spec.services.some(({ checks }) => checks && checks.before.length > 0)) return [];
    const isThere = files.some(({ path }) => isTestFile(path));
    return isThere ? [{ at: { path: "services" }, message: "have tests that no deployment runs" }] : [];
  },
};
