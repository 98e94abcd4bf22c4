import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Finding } from "./shape/finding.ts";
import { checkCycles, checkLayers } from "./shape/layers.ts";
import { checkNames } from "./shape/names.ts";
import { checkNodes } from "./shape/rules.ts";
import { checkSizes, tailOf, testRatio } from "./shape/sizes.ts";
import { readSources, type Source } from "./shape/source.ts";

export type { Finding };

const exceptionsFile = "tools/shape-exceptions.json";
const exceptionsSchema = z.array(z.strictObject({ check: z.string(), where: z.string(), because: z.string().min(10) }));
type Exception = z.infer<typeof exceptionsSchema>[number];

/**
 * Looks at every TypeScript file below `root` (src, web, tools, test) and says where the shape is broken: the rules of
 * "The house" in the design and of habit 10 in the style guide. Each entry of `tools/shape-exceptions.json` excuses one
 * finding of its check in the file it names; one that excuses nothing is itself a finding, so the list only shrinks.
 */
export function checkShape(root: string, sources: readonly Source[] = readSources(root)): Finding[] {
  const broken = sources.flatMap(({ path, brokenAt }) =>
    brokenAt === null ? [] : [{ check: "syntax", path, line: brokenAt, words: "cannot be parsed" }],
  );
  const parsed = sources.filter(({ brokenAt }) => brokenAt === null);
  const found = [
    ...broken,
    ...parsed.flatMap((source) => [...checkLayers(source), ...checkNodes(source)]),
    ...checkCycles(parsed),
    ...checkNames(parsed),
    ...checkSizes(parsed),
  ];
  return withoutExceptions(root, found).sort(
    (a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0) || a.line - b.line,
  );
}

function withoutExceptions(root: string, found: readonly Finding[]): Finding[] {
  const left = [...found];
  const report = (words: string): Finding => ({ check: "exceptions", path: exceptionsFile, line: 1, words });
  const exceptions = readExceptions(root);
  if (exceptions === null) return [...left, report("must be a list of {check, where, because}, each with a reason")];
  for (const { check, where } of exceptions) {
    const at = left.findIndex((finding) => finding.check === check && finding.path === where);
    if (at === -1) left.push(report(`${check} of ${where} is not needed any more; take it out`));
    else left.splice(at, 1);
  }
  return left;
}

function readExceptions(root: string): readonly Exception[] | null {
  const path = join(root, exceptionsFile);
  if (!existsSync(path)) return [];
  try {
    return exceptionsSchema.safeParse(JSON.parse(readFileSync(path, "utf8"))).data ?? null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

if (import.meta.main) {
  const sources = readSources(process.cwd());
  const findings = checkShape(process.cwd(), sources);
  for (const { path, line, check, words } of findings) console.log(`${path}:${line} ${check}: ${words}`);
  console.log(`${testRatio(sources)}; ${tailOf(sources)}.`);
  console.log(findings.length === 0 ? "The shape holds." : `${findings.length} findings.`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
