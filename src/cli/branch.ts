import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { isErrno } from "../base/faults.ts";
import { childOutput } from "../host/child.ts";
import type { SourceCommit } from "../model/release.ts";

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

/** 200 bytes for each of 100,000 changed files. */
const statusBytes = 20 * 1024 * 1024;

/**
 * The Git commit that is checked out where a directory lies, and whether anything in the directory differs from it; null
 * if there is none, or Git does not tell. Git compares with programs that a repository may name, so it refuses one that
 * belongs to somebody else (git-config(1), safe.directory).
 */
export function commitOf(directory: string): SourceCommit | null {
  const settings = ["--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never"];
  const status = ["status", "--porcelain=v2", "--branch", "--ignore-submodules=dirty", "--", "."];
  const output = childOutput(["git", ...settings, ...status], {
    cwd: directory,
    env: { HOME: homedir() },
    limit: statusBytes,
    withinMs: 30_000,
  });
  const id = /^# branch\.oid ([0-9a-f]+)$/m.exec(output ?? "")?.[1];
  return id === undefined ? null : { id, dirty: /^[^#]/m.test(output ?? "") };
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
