import { directoryOf, join, type Tree } from "../tree.ts";
import { statementsOf } from "./statements.ts";

const fileLimit = 300;

/** The files of the source that are imported when these start, these first: only imports that certainly run. */
export function reachable(tree: Tree, entries: readonly string[], roots: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.shift(); file !== undefined && found.size < fileLimit; file = waiting.shift()) {
    if (found.has(file) || !tree.has(file)) continue;
    found.add(file);
    for (const { text, certain } of statementsOf(tree.text(file) ?? "")) {
      if (certain && /^(?:from|import)\b/.test(text)) waiting.push(...imported(tree, text, [file, ...roots]));
    }
  }
  return [...found];
}

/** The files that an import statement runs: the module, the packages around it, and modules among the imported names. */
function imported(tree: Tree, statement: string, [file = "", ...roots]: readonly string[]): readonly string[] {
  const from = /^from\s+(\.*)([\w.]*)\s+import\s+\(?(.*?)\)?$/.exec(statement);
  if (!from) {
    const names = statement.replace(/^import\s+/, "").split(",");
    return names.flatMap((name) => filesOf(tree, roots, name.trim().split(/\s/)[0] ?? ""));
  }
  const [, dots = "", module = "", names = ""] = from;
  let base = directoryOf(file);
  for (let i = 1; i < dots.length; i++) base = directoryOf(base);
  const bases = dots === "" ? roots : [base];
  const parts = names.split(",").map((name) => name.trim().split(/\s/)[0] ?? "");
  return [
    ...filesOf(tree, bases, module),
    ...parts.flatMap((name) => filesOf(tree, bases, module === "" ? name : `${module}.${name}`)),
  ];
}

function filesOf(tree: Tree, bases: readonly string[], module: string): readonly string[] {
  if (!/^\w+(?:\.\w+)*$/.test(module)) return [];
  const parts = module.split(".");
  return bases.flatMap((base) => {
    const whole = join(base, parts.join("/"));
    const packages = parts.map((_, i) => join(base, `${parts.slice(0, i + 1).join("/")}/__init__.py`));
    return [`${whole}.py`, ...packages].filter((path) => tree.has(path));
  });
}
