import { directoryOf, type Tree } from "../tree.ts";
import { importsOf } from "./imports.ts";

export interface PythonObject {
  readonly file: string;
  /** `app.main`, with dots instead of slashes. */
  readonly module: string;
  readonly name: string;
  /** The directory in which the module is found; empty for the top. */
  readonly root: string;
}

/** Usual files of the application object, the most specific first. */
const usual = /(?:^|\/)(?:main|app|application|server|asgi|wsgi|api|run|__init__)\.py$/;

/** The module-level name that a pattern's first group finds: in a preferred file, then in those with usual names. */
export function findObject(tree: Tree, pattern: RegExp, preferred: RegExp = /(?!)/): PythonObject | null {
  const files = tree.sources(/\.py$/);
  const rank = (file: string) => (preferred.test(file) ? 0 : usual.test(file) ? 1 : 2);
  for (const file of files.toSorted((a, b) => rank(a) - rank(b))) {
    const name = pattern.exec(tree.text(file) ?? "")?.[1];
    const at = name === undefined ? null : moduleOf(tree, file);
    if (name !== undefined && at !== null) return { file, name, ...at };
  }
  return null;
}

/** The same in files that something else is in too. */
export function findFactory(tree: Tree, pattern: RegExp, inside: RegExp): PythonObject | null {
  for (const file of tree.sources(/\.py$/)) {
    const text = tree.text(file) ?? "";
    const name = inside.test(text) ? pattern.exec(text)?.[1] : undefined;
    const at = name === undefined ? null : moduleOf(tree, file);
    if (name !== undefined && at !== null) return { file, name, ...at };
  }
  return null;
}

/**
 * `app/main.py` as a module, and the directory where it is found: `src`, which is no package, or the file's own when it
 * imports its neighbours by their bare names. Null if a part is not a Python name.
 */
export function moduleOf(tree: Tree, file: string): { module: string; root: string } | null {
  const text = tree.text(file) ?? "";
  const isInSrc = file.startsWith("src/") && !/^(?:from|import)\s+src\b/m.test(text);
  const root = isInSrc ? "src" : bareNeighbours(tree, file) ? directoryOf(file) : "";
  const module = file
    .slice(root === "" ? 0 : root.length + 1)
    .replace(/(?:\/?__init__)?\.py$/, "")
    .replaceAll("/", ".");
  const isPlain = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/.test(module) && /^(?:\w+\/?)*$/.test(root);
  return isPlain && module.length < 200 ? { module, root } : null;
}

/** Python itself puts the directory of a started file first, so such imports work when it is run as a file. */
function bareNeighbours(tree: Tree, file: string): boolean {
  const directory = directoryOf(file);
  if (directory === "" || tree.has(`${directory}/__init__.py`)) return false;
  const tops = importsOf(tree.text(file) ?? "").map((module) => module.split(".")[0] ?? "");
  const own = directory.split("/")[0] ?? "";
  if (tops.includes(own)) return false;
  return tops.some((top) => {
    const module = `${directory}/${top}.py`;
    return (module !== file && tree.has(module)) || tree.has(`${directory}/${top}/__init__.py`);
  });
}
