import { readdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { isErrno } from "../base/faults.ts";
import { makeDirectory, readText, replaceFile } from "./files.ts";
import type { UidRange } from "./users.ts";

/** What one controller gives to its apps. `directory`: where its state lies. */
export interface UidClaim extends UidRange {
  readonly directory: string;
}

/** Where the controllers of root on one machine say which users they give out, one file each. Kept over a start of the machine. */
export const uidClaims = "/var/lib/fairlead-uids";

/**
 * Writes down which users a controller gives out; on disk when this returns. Answers the other controllers whose ranges overlap;
 * one whose state directory is gone gives out nothing any more, and its file is deleted.
 */
export async function claimUids(place: string, own: UidClaim): Promise<readonly UidClaim[]> {
  const file = `${sha256(own.directory).slice(-12)}.json`;
  await keep(join(place, file), `${JSON.stringify(own)}\n`);
  const others: UidClaim[] = [];
  for (const name of (await namesIn(place)).filter((each) => each.endsWith(".json") && each !== file)) {
    const claim = await readClaim(join(place, name));
    if (claim !== null && claim.from <= own.to && claim.to >= own.from) others.push(claim);
  }
  return others;
}

/** A full disk, or one that is not to be written, keeps no controller from starting: others still see the users that run. */
async function keep(path: string, text: string): Promise<void> {
  if ((await readText(path)) === text) return;
  try {
    await makeDirectory(dirname(path));
    await replaceFile(path, text);
  } catch (thrown) {
    if (!isErrno(thrown, "ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM")) throw thrown;
  }
}

async function namesIn(place: string): Promise<readonly string[]> {
  try {
    return await readdir(place);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "EACCES")) return [];
    throw thrown;
  }
}

async function readClaim(path: string): Promise<UidClaim | null> {
  const text = await readText(path);
  if (text === null) return null;
  try {
    const claim = JSON.parse(text) as UidClaim;
    await stat(claim.directory);
    return claim;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || isErrno(thrown, "ENOENT"))) throw thrown;
  }
  await unlink(path);
  return null;
}
