import picomatch from "picomatch";
import { isPlainPath } from "../dockerfile.ts";
import { asTable, directoryOf, type Tree, textsOf, textTable } from "../tree.ts";
import { installScripts, type NodePackage, readPackage } from "./package.ts";

/** Maximum number of packages with lines in a Dockerfile. */
const packageLimit = 60;

export interface Workspaces {
  readonly members: readonly NodePackage[];
  /** Why package files cannot be copied one by one before the source; null when they can. */
  readonly obstacle: string | null;
}

/** The packages of a repository with several: `workspaces` of package.json, or pnpm-workspace.yaml. */
export function workspacesOf(tree: Tree, root: NodePackage): Workspaces {
  const declared = root.table.get("workspaces");
  const patterns = [
    ...textsOf(declared),
    ...textsOf(asTable(declared)?.get("packages")),
    ...textsOf(tree.has("pnpm-workspace.yaml") ? tree.yaml("pnpm-workspace.yaml")?.get("packages") : null),
  ].slice(0, 100);
  if (patterns.length === 0) return { members: [], obstacle: localPackage([root]) };
  const rules = patterns.map(ruleOf);
  // As npm reads them: the last rule that matches decides.
  const isMember = (directory: string) => rules.findLast(({ matches }) => matches(directory))?.included ?? false;
  const directories = [...tree.paths]
    .filter((path) => path.endsWith("/package.json") && !path.includes("node_modules/"))
    .map(directoryOf)
    .filter(isMember)
    .sort();
  const members = directories.map((directory) => readPackage(tree, directory)).filter((one) => one !== null);
  return { members, obstacle: obstacleOf(members) ?? localPackage([root, ...members]) };
}

function obstacleOf(members: readonly NodePackage[]): string | null {
  if (members.length > packageLimit) return `there are more than ${packageLimit} workspaces`;
  if (members.some(({ directory }) => !isPlainPath(directory))) return "a workspace's path has unusual characters";
  const scripted = members.find((one) => installScripts(one).length > 0);
  return scripted ? `${scripted.directory} has a script that runs on install` : null;
}

/** A dependency that is a directory or an archive of the source (npm, package.json, "Local Paths"; Yarn's protocols). */
function localPackage(packages: readonly NodePackage[]): string | null {
  const kinds = ["dependencies", "devDependencies", "optionalDependencies"];
  const all = packages.flatMap(({ table }) => kinds.flatMap((kind) => [...textTable(table.get(kind))]));
  const found = all.find(([, version]) => /^(?:file:|link:|portal:|~?\/|\.\.?\/)/.test(version));
  return found ? `the dependency ${found[0].slice(0, 80)} is a part of the source` : null;
}

/** One pattern; braces, classes and `**` mean what they mean to npm, pnpm and Yarn. */
function ruleOf(pattern: string): { included: boolean; matches: (directory: string) => boolean } {
  const included = !pattern.startsWith("!");
  const glob = pattern
    .slice(0, 300)
    .replace(/^!/, "")
    .replace(/^\.?\//, "")
    .replace(/\/+$/, "");
  return { included, matches: picomatch(glob, { nonegate: true, strictBrackets: false }) };
}
