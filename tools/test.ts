import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildRelease } from "./build.ts";
import { ownEnvironment, runs } from "./engine/run.ts";
import { costlyUnits, quickStories } from "./test/cost.ts";
import { add, type Counts, countReport, none, summary } from "./test/counts.ts";
import { type Prepared, prepareMachine } from "./test/machine.ts";

const root = dirname(import.meta.dirname);
const projects = ["unit", "stories", "containers", "machine"] as const;
type Project = (typeof projects)[number];
/** More tests than that with a second try are no accident any more. */
const mostUnsteady = 3;
const isCi = Boolean(process.env.CI);

interface Result {
  readonly name: string;
  readonly counts: Counts;
  readonly seconds: number;
  readonly cpu: CpuSeconds;
}

/** Seconds of processor time. */
interface CpuSeconds {
  /** What was started here and was waited for to its end; 0 where the system does not say. */
  readonly own: number;
  /** The whole machine: also a container engine, what outlives its parent, and work of others. */
  readonly machine: number;
}

function cpuSince(before: CpuSeconds = { own: 0, machine: 0 }): CpuSeconds {
  const ms = cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq);
  const stat = existsSync("/proc/self/stat") ? readFileSync("/proc/self/stat", "utf8") : "";
  // proc(5): the 14th and 15th behind the name are those of children, in hundredths on every Linux that Node runs on.
  const [user = 0, system = 0] = stat.replace(/.*\) /, "").split(" ").slice(13, 15).map(Number);
  const machine = ms.reduce((sum, one) => sum + one, 0) / 1_000;
  return { own: (user + system) / 100 - before.own, machine: machine - before.machine };
}

/** Runs a script or a program of the project's own packages, its output shown as it comes; whether it ended with 0. */
function succeeds(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<boolean> {
  return runs([process.execPath, ...args], { ...ownEnvironment(), ...env }, root);
}

async function timed(name: string, run: () => Promise<Counts>): Promise<Result> {
  console.log(`\n── ${name}`);
  const startedAt = performance.now();
  const before = cpuSince();
  const counts = await run();
  const seconds = (performance.now() - startedAt) / 1_000;
  return { name, counts, seconds, cpu: cpuSince(before) };
}

function check(name: string, args: readonly string[]): Promise<Result> {
  return timed(name, async () => {
    if (await succeeds(args)) return { ...none, passed: 1 };
    return { ...none, failed: [{ name, because: "see above" }] };
  });
}

interface Part {
  readonly project: Project;
  /** Files by what is in their paths, and options of vitest. */
  readonly filters: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function vitest({ project, filters, env }: Part): Promise<Result> {
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

function sumOf(results: readonly Result[], whose: keyof CpuSeconds): number {
  return results.reduce((sum, { cpu }) => sum + cpu[whose], 0);
}

function printTable(results: readonly Result[], total: Counts): void {
  const width = Math.max(...results.map(({ name }) => name.length));
  console.log("\n── result, with processor time of what was started, and of all that the machine did meanwhile");
  for (const { name, counts, seconds, cpu } of results) {
    const mark = counts.failed.length === 0 ? "ok    " : "FAILED";
    const cost = `${seconds.toFixed(1)} s, CPU ${cpu.own.toFixed(0)} of ${cpu.machine.toFixed(0)} s`;
    console.log(`${mark}  ${name.padEnd(width)}  ${summary(counts)}  (${cost})`);
  }
  const [own, machine] = [sumOf(results, "own"), sumOf(results, "machine")];
  console.log(`CPU ${own.toFixed(0)} of ${machine.toFixed(0)} s in all, on ${cpus().length} processors`);
  for (const { name, because } of total.limits) console.log(`limit: ${name}: ${because}`);
  for (const { name, because } of total.skipped) console.log(`skipped: ${name}: ${because}`);
  for (const { name, because } of total.unsteady)
    console.log(`unsteady: ${name}: passed on retry; first error: ${because}`);
  for (const { name, because } of total.failed) console.log(`failed: ${name}: ${because}`);
}

/** What was asked for on the command line. */
interface Asked {
  readonly isQuick: boolean;
  readonly isExhaustive: boolean;
  /** Those that are named; all when none is. */
  readonly projects: readonly Project[];
  readonly filters: readonly string[];
}

function asked(args: readonly string[]): Asked {
  const chosen = projects.filter((project) => args.includes(`--${project}`));
  const known = ["quick", "exhaustive", ...projects].map((name) => `--${name}`);
  return {
    isQuick: args.includes("--quick"),
    isExhaustive: args.includes("--exhaustive"),
    projects: chosen.length > 0 ? chosen : projects,
    filters: args.filter((arg) => !known.includes(arg)),
  };
}

function partsOf({ isQuick, isExhaustive, projects, filters }: Asked, { env }: Prepared): readonly Part[] {
  if (isQuick) {
    return [
      { project: "unit", filters: costlyUnits.map((file) => `--exclude=${file}`), env },
      { project: "stories", filters: quickStories, env },
    ];
  }
  const all = { ...env, ...(isExhaustive && { FAIRLEAD_TEST_EXHAUSTIVE: "1" }) };
  return projects.map((project) => ({ project, filters, env: all }));
}

async function tests(wanted: Asked): Promise<readonly Result[]> {
  console.log("\n── machine");
  const isWhole = wanted.filters.length === 0 && !wanted.isQuick;
  const machine = await prepareMachine({ isWhole, isCi });
  const built = mkdtempSync(join(tmpdir(), "fairlead-build-"));
  try {
    const parts = partsOf(wanted, machine);
    const env = parts.some(({ project }) => project !== "unit") ? await buildInto(built) : {};
    const results: Result[] = [];
    for (const part of parts) results.push(await vitest({ ...part, env: { ...part.env, ...env } }));
    return results;
  } finally {
    rmSync(built, { recursive: true });
    await machine.finish();
  }
}

/**
 * Builds what stories start: what is installed somewhere, and a third cheaper than sources. Answers the variable by which
 * they find it; `npx vitest` starts the sources, as crash-anywhere always does.
 */
async function buildInto(directory: string): Promise<Readonly<Record<string, string>>> {
  // Edges and instances of other users read it.
  chmodSync(directory, 0o755);
  const dist = join(directory, "dist");
  copyFileSync(join(root, "package.json"), join(directory, "package.json"));
  await buildRelease(root, dist);
  return { FAIRLEAD_TEST_DIST: dist };
}

/**
 * What `npm test` runs: every check and every test, stopping nowhere. `--unit`, `--stories`, `--containers`, `--machine` and file filters narrow it to
 * those tests, without the checks. `--quick` runs the checks, the units but for the costly ones, which it names, and three stories.
 * `--exhaustive` tries everything of which other runs try a sample, and goes with all of these but `--quick`.
 * The last line is `N passed, N failed`, with `, N skipped` when there are any. With CI in
 * the environment a skipped test fails the run: a build machine has what tests need, or does not show what it should.
 * A test that fails is tried once more, because real engines, disks and clocks are part of most; it is named when it then
 * passes, and more than `mostUnsteady` of those fail the run.
 */
async function main(args: readonly string[]): Promise<void> {
  const wanted = asked(args);
  const results: Result[] = [];
  const isNarrowed = wanted.filters.length > 0 || projects.some((project) => args.includes(`--${project}`));
  if (!isNarrowed) for (const [name, command] of checks()) results.push(await check(name, command));
  results.push(...(await tests(wanted)));
  const total = results.map(({ counts }) => counts).reduce(add, none);
  // A filter that matches nothing must not look like a success.
  const ran = total.passed + total.failed.length > 0;
  const allRan = total.skipped.length === 0 || !isCi;
  const isSteady = total.unsteady.length <= mostUnsteady;
  printTable(results, total);
  for (const file of wanted.isQuick ? costlyUnits : []) console.log(`omitted by --quick: ${file}`);
  if (!ran && total.skipped.length === 0) console.log("No test matches.");
  if (!allRan) console.log("Failed: in CI every test must run, but some were skipped.");
  if (!isSteady) console.log(`Failed: more than ${mostUnsteady} tests passed only on retry.`);
  process.exitCode = ran && allRan && isSteady && total.failed.length === 0 ? 0 : 1;
  console.log(summary(total));
}

await main(process.argv.slice(2));
