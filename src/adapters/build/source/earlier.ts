import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { lstat, readdir, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type TreeEntry, treeDigest } from "../../../base/digest.ts";
import { isErrno } from "../../../base/faults.ts";
import { copyTree, fileOwner, makeReadable } from "../../../host/tree.ts";
import type { User } from "../../../host/users.ts";

/*
 * Sources and artifacts of earlier versions, which synced neither: after a loss of power a directory may be there with files that
 * are empty. What proves to be whole is copied; what does not is as good as absent, and is uploaded or built once more.
 */

interface Found {
  readonly from: string;
  /** Where the copy is made. */
  readonly to: string;
}

/** The digest of a directory that belongs to this process. */
export async function sourceDigest(directory: string): Promise<string> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return digestOf(
    directory,
    found.map(({ parentPath, name }) => join(parentPath, name).slice(directory.length + 1)),
  );
}

/** The same of some paths in it. */
export async function digestOf(directory: string, paths: readonly string[]): Promise<string> {
  const entries: TreeEntry[] = [];
  for (const path of paths) {
    const entry = await entryOf(path, join(directory, path));
    if (entry) entries.push(entry);
  }
  return treeDigest(entries);
}

/** A source can be verified: its digest is its name. Its directory always belonged to this process. */
export async function adoptSource({ from, to, digest }: Found & { readonly digest: string }): Promise<boolean> {
  if ((await sourceDigest(from)) !== digest) return false;
  await copyTree({ from, to, as: null, access: "sealed" });
  return true;
}

async function entryOf(path: string, place: string): Promise<TreeEntry | null> {
  const found = await lstat(place);
  if (found.isSymbolicLink()) return { path, kind: "link", executable: false, content: await readlink(place) };
  if (!found.isFile()) return null;
  const hash = createHash("sha256");
  await pipeline(createReadStream(place), hash);
  return { path, kind: "file", executable: (found.mode & 0o100) !== 0, content: `sha256:${hash.digest("hex")}` };
}

interface FoundArtifact extends Found {
  readonly owner: User | null;
  /** When the machine was started; default: from the system. */
  readonly started?: number;
}

/** An artifact created since the machine was started has not seen a loss of power. */
export async function adoptArtifact({ from, to, owner, started = startedAt() }: FoundArtifact): Promise<boolean> {
  const { birthtimeMs } = await stat(from);
  if (birthtimeMs <= started) return false;
  await makeReadable(from, fileOwner(from));
  await copyTree({ from, to, as: owner, access: "sealed" });
  return true;
}

/** When this machine was started: proc(5), stat, btime; now if that is unknown. */
function startedAt(): number {
  try {
    const found = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"));
    return found ? Number(found[1]) * 1_000 : Number.POSITIVE_INFINITY;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "EACCES")) return Number.POSITIVE_INFINITY;
    throw thrown;
  }
}
