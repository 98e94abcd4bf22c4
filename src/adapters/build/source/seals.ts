import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { readText, replaceFile } from "../../../host/files.ts";
import { treeContent, treeSummary } from "../../../host/tree.ts";

/** Where the seal of a tree lies that is in `whole/artifacts/`: `seals/` beside `whole/`, in a file of the same name. */
export function sealOf(tree: string): string {
  return join(tree, "../../../seals", basename(tree));
}

interface Seal {
  /** See `treeSummary`: compared before a tree is used. */
  readonly summary: string;
  /** See `treeContent`; null: not read yet. */
  readonly content: string | null;
}

async function readSeal(tree: string): Promise<Seal | null> {
  const [summary, content] = (await readText(sealOf(tree)))?.split(" ") ?? [];
  return summary ? { summary, content: content ?? null } : null;
}

async function writeSeal(tree: string, { content }: Pick<Seal, "content">): Promise<void> {
  const summary = await treeSummary(tree);
  if (summary !== null) await replaceFile(sealOf(tree), content === null ? summary : `${summary} ${content}`);
}

/** Writes down of a tree, which nobody changes any more, what it consists of. Not on systems that cannot tell. */
export function seal(tree: string): Promise<void> {
  return writeSeal(tree, { content: null });
}

/** Writes down what is in the files of a sealed tree, unless that is done: it takes longer than a deployment may. */
export async function sealContent(tree: string): Promise<void> {
  const sealed = await readSeal(tree);
  if (sealed?.content === null && !(await isDamaged(tree))) await writeSeal(tree, { content: await treeContent(tree) });
}

/**
 * Whether a sealed tree is not what it was: a file is missing, added, or was written. Where only times differ, as after
 * a restore from a backup, the content decides. No file is read otherwise.
 */
export async function isDamaged(tree: string): Promise<boolean> {
  const sealed = await readSeal(tree);
  if (sealed === null) return false;
  const found = await treeSummary(tree);
  return found !== null && found !== sealed.summary && hasOtherContent(tree, sealed);
}

async function hasOtherContent(tree: string, { content }: Seal): Promise<boolean> {
  if (content === null || content !== (await treeContent(tree))) return true;
  await writeSeal(tree, { content });
  return false;
}

/** Names of the trees in these directories that are damaged. Every file is read. */
export async function damagedIn(directories: readonly string[]): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const directory of directories.filter((each) => existsSync(each))) {
    for (const name of await readdir(directory)) {
      const tree = join(directory, name);
      await sealContent(tree);
      const sealed = await readSeal(tree);
      if (sealed !== null && (await hasOtherContent(tree, sealed))) damaged.push(name);
    }
  }
  return damaged;
}
