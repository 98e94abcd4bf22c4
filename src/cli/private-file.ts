import { writeFile } from "node:fs/promises";
import { Fault, isErrno } from "../base/faults.ts";

/** Writes a file that only its owner can read. Faults: `file.exists` without `force`, `usage.invalid` for a place that cannot be. */
export async function writePrivate(
  path: string,
  { content, force }: { content: string; force: boolean },
): Promise<void> {
  try {
    await writeFile(path, content, { mode: 0o600, flag: force ? "w" : "wx" });
  } catch (thrown) {
    if (isErrno(thrown, "EEXIST")) {
      throw new Fault("file.exists", `${path} exists already`, {
        hint: "Nothing was written; --force writes over it.",
      });
    }
    if (!isErrno(thrown, "EACCES", "ENOENT", "EISDIR", "EROFS")) throw thrown;
    throw new Fault("usage.invalid", `${path} cannot be written`, { cause: thrown });
  }
}
