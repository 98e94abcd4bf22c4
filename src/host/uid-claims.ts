import { mkdir, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { isErrno } from "../base/faults.ts";
import { readText, replaceFile, syncDirectory } from "./files.ts";
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
  await mkdir(place, { mode: 0o700, recursive: true });
  const file = `${sha256(own.directory).slice(-12)}.json`;
  await replaceFile(join(place, file), `${JSON.stringify(own)}\n`);
  await syncDirectory(join(place, ".."));
  const others: UidClaim[] = [];
  for (const name of (await readdir(place)).filter((each) => each.endsWith(".json") && each !== file)) {
    const claim = await readClaim(join(place, name));
    if (claim !== null && claim.from <= own.to && claim.to >= own.from) others.push(claim);
  }
  return others;
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
