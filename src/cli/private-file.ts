import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Fault, isErrno } from "../base/faults.ts";

/** Writes a file that only its owner can read, also where others could read what it takes the place of. Faults: `file.exists` without `force`, `usage.invalid` for a place that cannot be. */
export async function writePrivate(
  path: string,
  { content, force }: { content: string; force: boolean },
): Promise<void> {
  try {
    await using file = await open(path, force ? "w" : "wx", 0o600);
    await file.chmod(0o600);
    await file.writeFile(content);
  } catch (thrown) {
    if (isErrno(thrown, "EEXIST")) {
      throw new Fault("file.exists", `${path} already exists`, {
        hint: "Nothing was written; --force overwrites it.",
      });
    }
    if (!isErrno(thrown, "EACCES", "EPERM", "ENOENT", "EISDIR", "EROFS")) throw thrown;
    throw new Fault("usage.invalid", `${path} cannot be written`, { cause: thrown });
  }
}

export interface FleetingFile {
  readonly path: string;
  /** Leaves it where it is; `remove` does nothing any more. */
  keep(): void;
  remove(): void;
}

/**
 * A file that only its owner can read, in a directory (mode 0700) of its own below `directory`. It is gone with all
 * that is beside it after `remove`, and when the process ends, however it does but by SIGKILL; unless it is kept.
 */
export function fleetingFile(directory: string, { name, content }: { name: string; content: string }): FleetingFile {
  const own = mkdtempSync(join(directory, "fairlead-"));
  const path = join(own, name);
  let isKept = false;
  const keep = () => {
    isKept = true;
    process.off("exit", remove);
  };
  const remove = () => {
    if (!isKept) rmSync(own, { recursive: true, force: true });
    process.off("exit", remove);
  };
  process.once("exit", remove);
  writeFileSync(path, content, { mode: 0o600, flag: "wx" });
  return { path, keep, remove };
}
