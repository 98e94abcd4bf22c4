import { withoutComments } from "../code.ts";
import { directoryOf, type Tree } from "../tree.ts";

/** Names of a program that serves, where a module has several. */
const serving = ["server", "web", "api", "app", "http", "main"];

export interface GoPrograms {
  /** The directory of the program that serves; empty at the top. */
  readonly directory: string;
  /** What `go build -o bin/` names it: the directory, or the module's last element without a major version. */
  readonly name: string;
  /** Directories of the other programs. */
  readonly others: readonly string[];
}

/** The programs of a module: directories with `package main` and `func main()`. Null: none, or none of several serves. */
export function goPrograms(tree: Tree, module: string): GoPrograms | null {
  const mains = [
    ...new Set(
      tree
        .sources(/\.go$/)
        .filter((path) => !path.endsWith("_test.go") && isMain(withoutComments(tree.text(path) ?? "")))
        .map(directoryOf),
    ),
  ];
  const last =
    module
      .replace(/\/v\d+$/, "")
      .split("/")
      .at(-1) ?? "app";
  const named = (name: string) => mains.find((directory) => directory.split("/").at(-1) === name);
  const directory =
    mains.length === 1
      ? mains[0]
      : mains.includes("")
        ? ""
        : [last, ...serving].map(named).find((one) => one !== undefined);
  if (directory === undefined) return null;
  const others = mains.filter((one) => one !== directory);
  return { directory, name: directory === "" ? last : (directory.split("/").at(-1) ?? last), others };
}

function isMain(text: string): boolean {
  return /^\s*package\s+main\b/m.test(text) && /^func\s+main\(\)/m.test(text) && !/^\/\/go:build\s+ignore/m.test(text);
}
