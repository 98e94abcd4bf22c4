import { join, type Mapping, namesOf, type Tree, textMember, textTable } from "../tree.ts";

/** A package.json, as far as building and starting need it. */
export interface NodePackage {
  /** Empty at the top of the source. */
  readonly directory: string;
  readonly scripts: ReadonlyMap<string, string>;
  readonly dependencies: ReadonlySet<string>;
  readonly devDependencies: ReadonlySet<string>;
  readonly main: string | null;
  readonly table: Mapping;
}

export function readPackage(tree: Tree, directory: string): NodePackage | null {
  const table = tree.json(join(directory, "package.json"));
  if (table === null) return null;
  return {
    directory,
    scripts: textTable(table.get("scripts")),
    dependencies: new Set(namesOf(table.get("dependencies"))),
    devDependencies: new Set(namesOf(table.get("devDependencies"))),
    main: textMember(table, "main"),
    table,
  };
}

export function uses(one: NodePackage, name: string): boolean {
  return one.dependencies.has(name) || one.devDependencies.has(name);
}

/** Scripts that a package manager runs automatically after an install. */
const onInstall = ["preinstall", "install", "postinstall", "prepare"] as const;

export function installScripts({ scripts }: NodePackage): readonly string[] {
  return onInstall.filter((name) => scripts.has(name));
}
