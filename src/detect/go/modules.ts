import { isPlainPath } from "../dockerfile.ts";
import { join, type Tree } from "../tree.ts";

export interface GoModule {
  /** Empty at the top. */
  readonly directory: string;
  readonly path: string;
}

/** The text of a go.mod or go.work without its comments. */
export function goFile(tree: Tree, path: string): string {
  return (tree.text(path) ?? "").replace(/\/\/[^\n]*/g, "");
}

/** The modules of a source: those that go.work uses, otherwise the one at the top. */
export function goModules(tree: Tree): readonly GoModule[] {
  const used = tree.has("go.work") ? usedBy(goFile(tree, "go.work")) : [""];
  return used.flatMap((directory) => {
    const path = modulePath(goFile(tree, join(directory, "go.mod")));
    return path === undefined ? [] : [{ directory, path }];
  });
}

/** `module example.com/shop`, quoted or in brackets (go.dev/ref/mod, "Lexical elements"). */
function modulePath(text: string): string | undefined {
  return /^module\s+(?:\(\s*)?["`]?([\w./~-]{1,200})["`]?[ \t\r]*(?:$|\s*\))/m.exec(text)?.[1];
}

/** Directories of `use ./api` and `use ( ./api ./web )`; those without a plain form are left out. */
function usedBy(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^use\s*\(([^)]*)\)/gm)].flatMap(([, inner = ""]) => inner.trim().split(/\s+/));
  const single = [...text.matchAll(/^use[ \t]+([^\s(]+)/gm)].map(([, one = ""]) => one);
  const all = [...single, ...blocks].map((one) => one.replace(/["`]/g, "").replace(/^\.\/?|\/$/g, ""));
  return [...new Set(all)].filter((directory) => directory === "" || isPlainPath(directory));
}

/** Directories that `replace` puts in the place of modules: `../lib`, `./lib`. */
export function replacements(text: string): readonly string[] {
  return [...text.matchAll(/=>[ \t]*["`]?(\.{1,2}\/[^\s"`]{0,200}|\.{1,2})["`]?[ \t\r]*$/gm)].map(
    ([, one = ""]) => one,
  );
}
