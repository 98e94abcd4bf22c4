import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../../base/faults.ts";
import { decodeText } from "../../../base/text.ts";
import type { SourceView } from "../../../detect/recipe.ts";

/** A text of the context, or null. Links cannot lead outside: sources and contexts with such links are refused. */
export function textAt(root: string, path: string): string | null {
  try {
    return decodeText(readFileSync(join(root, path)));
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "EISDIR", "ENOTDIR", "ELOOP")) return null;
    throw thrown;
  }
}

/** What detection sees of a directory, without what is in directories of some names. */
export async function viewOf(root: string, except: ReadonlySet<string> = new Set()): Promise<SourceView> {
  const paths: string[] = [];
  for (const pending = [""]; pending.length > 0; ) {
    const directory = pending.pop() ?? "";
    for (const entry of await readdir(join(root, directory), { withFileTypes: true })) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      if (!entry.isDirectory()) paths.push(path);
      else if (!except.has(entry.name)) pending.push(path);
    }
  }
  return { paths, read: (path) => textAt(root, path) };
}
