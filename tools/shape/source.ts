import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { parseSync, visitorKeys } from "oxc-parser";

/** A node of the syntax tree (ESTree with TypeScript), read loosely: rules look only at the members they name. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

/** One import of one file. `kind`: bound when the file is loaded, later, or never because only types are used. */
export interface Import {
  readonly specifier: string;
  readonly kind: "value" | "dynamic" | "type";
  readonly line: number;
}

export interface Source {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly lines: number;
  /** Everything in `test/`, every `.test.ts`, and every `test-….ts`, which tests of a folder share. */
  readonly isTest: boolean;
  readonly program: Node;
  readonly imports: readonly Import[];
  /** The line (from 1) on which a syntax error stands; null when the file parses. */
  readonly brokenAt: number | null;
  lineOf(offset: number): number;
}

const scanned = ["src", "web", "tools", "test"];
const skipped = new Set(["node_modules", "dist", "fixtures"]);

/** Every TypeScript file of the project below `root`, parsed. Fixtures are input of tests and are omitted. */
export function readSources(root: string): readonly Source[] {
  const paths: string[] = [];
  const collect = (directory: string): void => {
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      const path = posix.join(directory, entry.name);
      if (entry.isDirectory() && !skipped.has(entry.name)) collect(path);
      else if (entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith(".d.ts")) paths.push(path);
    }
  };
  const present = new Set(readdirSync(root));
  for (const folder of scanned) if (present.has(folder)) collect(folder);
  return paths.sort().map((path) => readSource(root, path));
}

function readSource(root: string, path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  const lineOf = (offset: number): number => lastAtMost(starts, offset) + 1;
  const parsed = parseSync(path, text);
  const program = parsed.program as unknown as Node;
  const error = parsed.errors[0];
  return {
    path,
    lines: text.endsWith("\n") ? starts.length - 1 : starts.length,
    isTest: path.startsWith("test/") || /(?:\.test|\/test-[\w-]+)\.tsx?$/.test(path),
    program,
    imports: importsOf(program, lineOf),
    brokenAt: error === undefined ? null : lineOf(error.labels[0]?.start ?? 0),
    lineOf,
  };
}

function lastAtMost(sorted: readonly number[], limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= limit) low = middle;
    else high = middle;
  }
  return low;
}

/** Calls `visit` for a node and all below it; `parents` runs from the program to the direct parent. */
export function walk(node: Node, visit: (node: Node, parents: readonly Node[]) => void): void {
  const parents: Node[] = [];
  const go = (current: Node): void => {
    visit(current, parents);
    parents.push(current);
    for (const key of visitorKeys[current.type] ?? []) {
      const member = current[key];
      for (const child of Array.isArray(member) ? member : [member]) if (isNode(child)) go(child);
    }
    parents.pop();
  };
  go(node);
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** The text of a string literal or of a template without holes; null for anything else. */
export function textOf(node: unknown): string | null {
  if (!isNode(node)) return null;
  if (node.type === "Literal" && typeof node.value === "string") return node.value;
  if (node.type !== "TemplateLiteral") return null;
  const quasis = node.quasis as readonly { value: { cooked: string } }[];
  return quasis.length === 1 ? (quasis[0]?.value.cooked ?? null) : null;
}

function importsOf(program: Node, lineOf: (offset: number) => number): readonly Import[] {
  const found: Import[] = [];
  walk(program, (node) => {
    const kind = importKind(node);
    const specifier = kind === null ? null : textOf(node.source);
    if (kind !== null && specifier !== null) found.push({ specifier, kind, line: lineOf(node.start) });
  });
  return found;
}

function importKind(node: Node): Import["kind"] | null {
  switch (node.type) {
    case "ImportDeclaration":
      return node.importKind === "type" ? "type" : "value";
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return node.exportKind === "type" ? "type" : "value";
    case "ImportExpression":
      return "dynamic";
    case "TSImportType":
      return "type";
    default:
      return null;
  }
}
