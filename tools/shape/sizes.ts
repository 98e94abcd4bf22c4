import { posix } from "node:path";
import type { Finding } from "./finding.ts";
import { isNode, type Node, type Source, walk } from "./source.ts";

/** Limits in lines. The tail is what makes code hard to read, so the greatest is bound more tightly than the median. */
const limits = {
  ...{ file: 400, fileP90: 250, component: 150 },
  ...{ function: 60, functionMedian: 10, functionP90: 25, functionP99: 32, testingP99: 45 },
};
/** A median or a percentile of fewer says nothing. */
const smallestSample = 20;
const functionTypes = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
const vagueNames = new Set(["utils", "helpers", "common", "lib", "services", "types"]);

interface Sized {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
  readonly component: boolean;
}

/** Names that say nothing, files and functions that are too long, and whether the whole stays small. */
export function checkSizes(sources: readonly Source[]): readonly Finding[] {
  return [...sources.flatMap((source) => [...checkNames(source), ...checkLengths(source)]), ...checkWhole(sources)];
}

function checkNames(source: Source): readonly Finding[] {
  const vague = source.path.split("/").filter((part) => vagueNames.has(part.replace(/\..*$/, "")));
  const words = (name: string): string => `\`${name}\` does not say what is in it`;
  return vague.map((name) => ({ check: "name", path: source.path, line: 1, words: words(name) }));
}

/** Callbacks of `describe` and `test` hold whole stories, so only what the product and its tools run is measured. */
function isMeasured(source: Source): boolean {
  return !source.isTest && !source.path.startsWith("src/testing/conformance/");
}

function checkLengths(source: Source): readonly Finding[] {
  const findings: Finding[] = [];
  if (source.lines > limits.file) {
    const words = `${source.lines} lines; at most ${limits.file}`;
    findings.push({ check: "file-lines", path: source.path, line: 1, words });
  }
  for (const { name, line, lines, component } of isMeasured(source) ? functionsOf(source) : []) {
    const limit = component ? limits.component : limits.function;
    const words = `${name} has ${lines} lines; at most ${limit}`;
    if (lines > limit) findings.push({ check: "function-lines", path: source.path, line, words });
  }
  return findings;
}

function functionsOf(source: Source): readonly Sized[] {
  const found: Sized[] = [];
  walk(source.program, (node, parents) => {
    if (!functionTypes.has(node.type) || !isNode(node.body)) return;
    const name = functionName(node, parents.at(-1));
    const line = source.lineOf(node.start);
    const component = posix.extname(source.path) === ".tsx" && /^[A-Z]/.test(name);
    found.push({ name, line, lines: source.lineOf(node.end - 1) - line + 1, component });
  });
  return found;
}

function functionName(node: Node, parent: Node | undefined): string {
  for (const owner of [node.id, parent?.id, parent?.key]) {
    if (isNode(owner) && typeof owner.name === "string") return owner.name;
  }
  return "a function";
}

function checkWhole(sources: readonly Source[]): readonly Finding[] {
  const findings: Finding[] = [];
  const report = (check: string, words: string): void => {
    findings.push({ check, path: "src", line: 1, words });
  };
  const measured = sources.filter((source) => isMeasured(source) && source.path.startsWith("src/"));
  const compare = (
    check: string,
    { values, share, limit }: { values: number[]; share: number; limit: number },
  ): void => {
    const value = percentile(values, share);
    if (values.length >= smallestSample && value > limit) report(check, `${value} lines; at most ${limit}`);
  };
  const functions = linesOf(measured);
  compare("file-p90", { values: measured.map(({ lines }) => lines), share: 0.9, limit: limits.fileP90 });
  compare("function-median", { values: functions, share: 0.5, limit: limits.functionMedian });
  compare("function-p90", { values: functions, share: 0.9, limit: limits.functionP90 });
  compare("function-p99", { values: linesOf(product(sources)), share: 0.99, limit: limits.functionP99 });
  compare("testing-p99", { values: linesOf(testing(sources)), share: 0.99, limit: limits.testingP99 });
  return findings;
}

function linesOf(sources: readonly Source[]): number[] {
  return sources.flatMap(functionsOf).map(({ lines }) => lines);
}

function product(sources: readonly Source[]): readonly Source[] {
  return sources.filter(({ path, isTest }) => /^src\/(?!testing\/)/.test(path) && !isTest);
}

/** What tests are built of, with the conformance suites. */
function testing(sources: readonly Source[]): readonly Source[] {
  return sources.filter(({ path }) => path.startsWith("src/testing/"));
}

/** How long the longest hundredth of functions is. */
export function tailOf(sources: readonly Source[]): string {
  const [code, rigs] = [product, testing].map((part) => percentile(linesOf(part(sources)), 0.99));
  return `p99 of functions: ${code} lines, in src/testing ${rigs}`;
}

/** How many lines of tests there are for the lines of the product; the goal is as many. Said, never a finding. */
export function testRatio(sources: readonly Source[]): string {
  const tests = sources.filter(
    ({ path, isTest }) => path.startsWith("src/testing/") || (isTest && !path.startsWith("tools/")),
  );
  return `${lineSum(tests)} lines of tests for ${lineSum(product(sources))} of code`;
}

function lineSum(sources: readonly Source[]): number {
  return sources.reduce((sum, { lines }) => sum + lines, 0);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
