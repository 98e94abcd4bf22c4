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
 * if there is none, or Git does not tell: it refuses a repository of somebody else (git-config(1), safe.directory). No
 * program that the repository itself names is run: its files may be a stranger's and their owner who unpacked them.
 */
export function commitOf(directory: string): SourceCommit | null {
  const filters = filtersWithin(directory);
  if (filters === null) return null;
  const settings = ["core.fsmonitor=false", ...filters].flatMap((one) => ["-c", one]);
  const status = ["status", "--porcelain=v2", "--branch", "--ignore-submodules=dirty", "--", "."];
  const output = gitOutput(directory, ["--no-optional-locks", ...settings, ...status]);
  const id = /^# branch\.oid ([0-9a-f]+)$/m.exec(output ?? "")?.[1];
  return id === undefined ? null : { id, dirty: /^[^#]/m.test(output ?? "") };
}

/**
 * Settings that turn off the filters (gitattributes(5)) of a repository's own configuration; a person's own, like those of
 * Git LFS, stay. Null: there is no repository, or a filter has a name that no setting can have.
 */
function filtersWithin(directory: string): readonly string[] | null {
  const listed = gitOutput(directory, ["config", "--null", "--show-scope", "--includes", "--list"]);
  if (listed === null) return null;
  const own = listed.matchAll(/(?:^|\0)(?:local|worktree)\0(filter\.[^\n\0]*)\.(?:clean|process)(?=[\n\0])/g);
  const names = [...new Set([...own].map(([, name = ""]) => name))];
  if (names.some((name) => name.includes("="))) return null;
  return names.flatMap((name) => [`${name}.clean=`, `${name}.process=`, `${name}.required=false`]);
}

function gitOutput(cwd: string, words: readonly string[]): string | null {
  // The only setting that a repository cannot override: it would fetch what is missing with a program that it names.
  const env = { HOME: homedir(), GIT_ALLOW_PROTOCOL: "none" };
  return childOutput(["git", ...words], { cwd, env, limit: statusBytes, withinMs: 30_000 });
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
