import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ownEnvironment, runs } from "./engine/run.ts";
import { add, type Counts, countReport, none, summary } from "./test/counts.ts";
import { type Prepared, prepareMachine } from "./test/machine.ts";

const root = dirname(import.meta.dirname);
const projects = ["unit", "stories", "containers", "machine"] as const;
/** More tests than that with a second try are no accident any more. */
const mostUnsteady = 3;
const isCi = Boolean(process.env.CI);

interface Result {
  readonly name: string;
  readonly counts: Counts;
  readonly seconds: number;
}

/** Runs a script or a program of the project's own packages, its output shown as it comes; whether it ended with 0. */
function succeeds(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<boolean> {
  return runs([process.execPath, ...args], { ...ownEnvironment(), ...env }, root);
}

async function timed(name: string, run: () => Promise<Counts>): Promise<Result> {
  console.log(`\n── ${name}`);
  const startedAt = performance.now();
  const counts = await run();
  return { name, counts, seconds: (performance.now() - startedAt) / 1_000 };
}

function check(name: string, args: readonly string[]): Promise<Result> {
  return timed(name, async () => {
    if (await succeeds(args)) return { ...none, passed: 1 };
    return { ...none, failed: [{ name, because: "see above" }] };
  });
}

function vitest(project: string, filters: readonly string[], { env }: Prepared): Promise<Result> {
  return timed(`vitest ${project}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "fairlead-test-"));
    try {
      const file = join(directory, "report.json");
      const notes = join(root, "tools/test/notes.ts");
      const reporters = ["default", "json", notes].map((name) => `--reporter=${name}`);
      const options = [
        "run",
        "--project",
        project,
        "--passWithNoTests",
        "--retry=1",
        ...reporters,
        `--outputFile.json=${file}`,
        ...filters,
      ];
      const endedWell = await succeeds(["node_modules/vitest/vitest.mjs", ...options], env);
      return countReport(existsSync(file) ? readFileSync(file, "utf8") : null, endedWell);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

/** The checks, in the order in which they find mistakes soonest. Generated pages are checked by what generates them. */
function checks(): readonly [string, readonly string[]][] {
  const generators = readdirSync(join(root, "tools")).filter((name) => /^gen-.*(?<!\.test)\.ts$/.test(name));
  return [
    ["biome check", ["node_modules/@biomejs/biome/bin/biome", "check", "."]],
    ["tsc", ["node_modules/typescript/bin/tsc", "-p", "."]],
    ["shape", ["tools/shape.ts"]],
    ...generators.sort().map((name): [string, string[]] => [`generated: ${name}`, [`tools/${name}`, "--check"]]),
  ];
}

function printTable(results: readonly Result[], total: Counts): void {
  const width = Math.max(...results.map(({ name }) => name.length));
  console.log("\n── result");
  for (const { name, counts, seconds } of results) {
    const mark = counts.failed.length === 0 ? "ok    " : "FAILED";
    console.log(`${mark}  ${name.padEnd(width)}  ${summary(counts)}  (${seconds.toFixed(1)} s)`);
  }
  for (const { name, because } of total.limits) console.log(`limit: ${name}: ${because}`);
  for (const { name, because } of total.skipped) console.log(`skipped: ${name}: ${because}`);
  for (const { name, because } of total.unsteady)
    console.log(`unsteady: ${name}: passed at its second try; the first: ${because}`);
  for (const { name, because } of total.failed) console.log(`failed: ${name}: ${because}`);
}

async function tests(names: readonly string[], filters: readonly string[]): Promise<readonly Result[]> {
  console.log("\n── machine");
  const machine = await prepareMachine({ isWhole: filters.length === 0, isCi });
  try {
    const results: Result[] = [];
    for (const name of names) results.push(await vitest(name, filters, machine));
    return results;
  } finally {
    await machine.finish();
  }
}

/**
 * What `npm test` runs: every check and every test, stopping nowhere. `--unit`, `--stories`, `--containers`, `--machine` and file filters narrow it to
 * those tests, without the checks. The last line is `N passed, N failed`, with `, N skipped` when there are any. With CI in
 * the environment a skipped test fails the run: a build machine has what tests need, or does not show what it should.
 * A test that fails is tried once more, because real engines, disks and clocks are part of most; it is named when it then
 * passes, and more than `mostUnsteady` of those fail the run.
 */
async function main(args: readonly string[]): Promise<void> {
  const chosen = projects.filter((project) => args.includes(`--${project}`));
  const filters = args.filter((arg) => !projects.some((project) => arg === `--${project}`));
  const results: Result[] = [];
  if (args.length === 0) for (const [name, command] of checks()) results.push(await check(name, command));
  results.push(...(await tests(chosen.length > 0 ? chosen : projects, filters)));
  const total = results.map(({ counts }) => counts).reduce(add, none);
  // A filter that matches nothing must not look like a success.
  const ran = total.passed + total.failed.length > 0;
  const allRan = total.skipped.length === 0 || !isCi;
  const isSteady = total.unsteady.length <= mostUnsteady;
  printTable(results, total);
  if (!ran && total.skipped.length === 0) console.log("No test matches.");
  if (!allRan) console.log("Failed: in CI every test must run, and some were skipped.");
  if (!isSteady) console.log(`Failed: more than ${mostUnsteady} tests passed only at their second try.`);
  process.exitCode = ran && allRan && isSteady && total.failed.length === 0 ? 0 : 1;
  console.log(summary(total));
}

await main(process.argv.slice(2));
