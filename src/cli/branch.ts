import { readFileSync } from "node:fs";
import path from "node:path";
import { isErrno } from "../base/faults.ts";

/**
 * The Git branch that is checked out where a directory lies; null if there is none: no repository, or a commit without
 * a branch, as build services check out. Read from its files (gitrepository-layout(5)), so that Git need not be
 * installed.
 */
export function branchOf(directory: string): string | null {
  for (let at = path.resolve(directory); ; at = path.dirname(at)) {
    const head = textOf(path.join(gitDirectory(at), "HEAD"));
    if (head !== null) return /^ref: refs\/heads\/(\S+)\n?$/.exec(head)?.[1] ?? null;
    if (at === path.dirname(at)) return null;
  }
}

/** `.git`, or the target of a file of this name, as in worktrees and submodules. */
function gitDirectory(at: string): string {
  const own = path.join(at, ".git");
  const elsewhere = /^gitdir: (.+?)\n?$/.exec(textOf(own) ?? "")?.[1];
  return elsewhere === undefined ? own : path.resolve(at, elsewhere);
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EISDIR", "EACCES")) return null;
    throw error;
  }
}
