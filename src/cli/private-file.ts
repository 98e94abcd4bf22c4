import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Fault, isErrno } from "../base/faults.ts";

/**
 * Writes a file that only its owner can read, even if it replaces one that others could read. Faults: `file.exists`
 * without `force`, `usage.invalid` for an impossible path.
 */
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
  /** Keeps it; `remove` then does nothing. */
  keep(): void;
  remove(): void;
}

/**
 * A file that only its owner can read, in a directory (mode 0700) of its own below `directory`. `remove` deletes it
 * with everything beside it, and so does the end of the process, except by SIGKILL, unless it is kept.
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
