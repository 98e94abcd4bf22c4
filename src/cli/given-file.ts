import { createReadStream } from "node:fs";
import { Fault, isErrno } from "../base/faults.ts";

/** Why a path that was given cannot be read, as the end of a sentence; null for anything else. */
export function whyUnreadable(error: unknown): string | null {
  if (isErrno(error, "ENOENT", "ENOTDIR")) return "does not exist";
  if (isErrno(error, "EISDIR")) return "is a directory, not a file";
  return isErrno(error, "EACCES", "EPERM") ? "may not be read by this user" : null;
}

/** A file that was named on the command line. Faults: `usage.invalid`, also when it has more than `limit` bytes. */
export async function readGivenFile(file: string, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    // One byte more than allowed, so that a device or an endless file is not read to its end.
    for await (const chunk of createReadStream(file, { end: limit })) chunks.push(chunk);
  } catch (error) {
    const why = whyUnreadable(error);
    if (why === null) throw error;
    throw new Fault("usage.invalid", `${file} ${why}`, { cause: error });
  }
  const bytes = Buffer.concat(chunks);
  if (bytes.length <= limit) return bytes;
  throw new Fault("usage.invalid", `${file} is larger than ${limit / 1024} KB`);
}
