import { isPlainPath } from "../dockerfile.ts";
import { asTable, directoryOf, type Tree, textsOf } from "../tree.ts";
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
  if (patterns.length === 0) return { members: [], obstacle: null };
  const [wanted, unwanted] = [
    patterns.filter((one) => !one.startsWith("!")),
    patterns.filter((one) => one.startsWith("!")),
  ];
  const matches = (list: readonly string[], directory: string) =>
    list.some((one) => matchesGlob(one.replace(/^!/, ""), directory));
  const directories = [...tree.paths]
    .filter((path) => path.endsWith("/package.json") && !path.includes("node_modules/"))
    .map(directoryOf)
    .filter((directory) => matches(wanted, directory) && !matches(unwanted, directory))
    .sort();
  const members = directories.map((directory) => readPackage(tree, directory)).filter((one) => one !== null);
  return { members, obstacle: obstacleOf(members) };
}

function obstacleOf(members: readonly NodePackage[]): string | null {
  if (members.length > packageLimit) return `there are more than ${packageLimit} workspaces`;
  if (members.some(({ directory }) => !isPlainPath(directory))) return "a workspace's path has unusual characters";
  const scripted = members.find((one) => installScripts(one).length > 0);
  return scripted ? `${scripted.directory} has a script that runs on install` : null;
}

/** `packages/*` and `apps/**`, part by part; other wildcards are taken literally. */
function matchesGlob(pattern: string, directory: string): boolean {
  const parts = pattern.replace(/^\.\//, "").replace(/\/+$/, "").split("/").slice(0, 10);
  return matchesParts(parts, directory.split("/"));
}

function matchesParts([part, ...rest]: readonly string[], path: readonly string[]): boolean {
  if (part === undefined) return path.length === 0;
  const [first, ...others] = path;
  if (first === undefined) return false;
  if (part === "**") return rest.length === 0 || matchesParts(rest, path) || matchesParts(["**", ...rest], others);
  return (part === "*" || part === first) && matchesParts(rest, others);
}
