import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
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

/** What detection sees of a directory. */
export async function viewOf(root: string): Promise<SourceView> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((each) => !each.isDirectory());
  const paths = files.map(({ parentPath, name }) => relative(root, join(parentPath, name)).split(sep).join("/"));
  return { paths, read: (path) => textAt(root, path) };
}
