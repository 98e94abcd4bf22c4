import { accessSync, chmodSync, constants, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault, isErrno } from "../base/faults.ts";

const mode = 0o711;
const hint = "Choose another directory with --state, or fix its permissions.";

/**
 * Makes the state directory and those above it, so that apps of another user can pass through; root's own that is there
 * and empty, like one of `mktemp -d`, becomes as if it had been made here. Git ignores what is in it: keys and values.
 * Faults: `usage.invalid` when it cannot be made or not be written to, with the reason.
 */
export function makeStateDirectory(directory: string): void {
  try {
    make(directory);
    if (!statSync(directory).isDirectory()) throw cannotUse(directory, "is not a directory");
    accessSync(directory, constants.W_OK | constants.X_OK);
    if (isEmptyOfRoot(directory)) chmodSync(directory, mode);
    ignoreInGit(directory);
  } catch (error) {
    if (isErrno(error, "EACCES", "EPERM", "EROFS")) throw cannotUse(directory, "is not writable", error);
    if (isErrno(error, "ENOTDIR", "ENOENT")) throw cannotUse(directory, "cannot be created", error);
    if (isErrno(error, "ENAMETOOLONG")) throw cannotUse(directory, "has too long a name", error);
    throw error;
  }
}

/** A file that is there stays as it is, and a full disk keeps no controller from starting. */
function ignoreInGit(directory: string): void {
  try {
    writeFileSync(join(directory, ".gitignore"), "*\n", { flag: "wx", mode: 0o644 });
  } catch (error) {
    if (!isErrno(error, "EEXIST", "ENOSPC", "EDQUOT")) throw error;
  }
}

/** Not `recursive`, with which Node 24 tries forever where a directory exists and nothing can be made in it: /proc. */
function make(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })) return;
  if (dirname(directory) !== directory) make(dirname(directory));
  try {
    mkdirSync(directory, { mode });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

function isEmptyOfRoot(directory: string): boolean {
  const isRoots = process.getuid?.() === 0 && statSync(directory).uid === 0;
  return isRoots && readdirSync(directory).length === 0;
}

function cannotUse(directory: string, what: string, cause?: unknown): Fault {
  return new Fault("usage.invalid", `the state directory ${directory} ${what}`, { hint, cause });
}
