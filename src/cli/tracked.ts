import { existsSync } from "node:fs";
import path from "node:path";
import { childOutput } from "../host/child.ts";

/** What Git tracks below a directory. */
export interface TrackedFiles {
  readonly files: ReadonlySet<string>;
  /** Every directory with one of them. */
  readonly directories: ReadonlySet<string>;
}

/** 200 bytes for each file that a source may have, several times over: a repository is larger than one source in it. */
const outputBytes = 128 * 1024 * 1024;
/**
 * Nothing of the repository's own configuration is run, so it may belong to somebody else: no file system monitor, and
 * no transport that could fetch what is missing (git-config(1)).
 */
const settings = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never"] as const;

/**
 * What `git ls-files` names below a directory: gitignore(5) is only about files that Git does not track. `none`: the
 * directory is in no repository; null: it is, but Git is not there or does not answer.
 */
export function trackedBelow(directory: string): TrackedFiles | "none" | null {
  if (!isInRepository(directory)) return "none";
  const command = ["git", ...settings, "ls-files", "-z", "--recurse-submodules"] as const;
  const output = childOutput(command, { cwd: directory, env: {}, limit: outputBytes, withinMs: 30_000 });
  if (output === null) return null;
  const files = new Set(output.split("\0").filter((file) => file !== ""));
  const directories = new Set<string>();
  for (const file of files) {
    for (let at = path.posix.dirname(file); at !== "." && !directories.has(at); at = path.posix.dirname(at)) {
      directories.add(at);
    }
  }
  return { files, directories };
}

function isInRepository(directory: string): boolean {
  for (let at = path.resolve(directory); ; at = path.dirname(at)) {
    if (existsSync(path.join(at, ".git"))) return true;
    if (at === path.dirname(at)) return false;
  }
}
