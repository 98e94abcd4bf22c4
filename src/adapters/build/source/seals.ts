import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { readText, replaceFile } from "../../../host/files.ts";
import { treeSummary } from "../../../host/tree.ts";

/** Where the seal of a tree lies that is in `whole/artifacts/`: `seals/` beside `whole/`, in a file of the same name. */
export function sealOf(tree: string): string {
  return join(tree, "../../../seals", basename(tree));
}

/** Writes down of a tree, which nobody changes any more, what it consists of. Not on systems that cannot tell. */
export async function seal(tree: string): Promise<void> {
  const summary = await treeSummary(tree);
  if (summary !== null) await replaceFile(sealOf(tree), summary);
}

/** Whether a sealed tree is not what it was: a file is missing, added, or of another size. */
export async function isDamaged(tree: string): Promise<boolean> {
  const sealed = await readText(sealOf(tree));
  if (sealed === null) return false;
  const found = await treeSummary(tree);
  return found !== null && found !== sealed;
}

/** Names of the trees in these directories that are damaged. */
export async function damagedIn(directories: readonly string[]): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const directory of directories.filter((each) => existsSync(each))) {
    for (const name of await readdir(directory)) if (await isDamaged(join(directory, name))) damaged.push(name);
  }
  return damaged;
}
