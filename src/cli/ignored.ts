import { readFileSync } from "node:fs";
import path from "node:path";
import { Fault, isErrno } from "../base/faults.ts";
import { DockerIgnore, GitIgnore, isDockerfileName, isPrivateName } from "../base/source-rules.ts";

/** Never part of a source: history, installed packages, our own state, and files that hold secrets by convention. */
function isNeverPart(name: string): boolean {
  return name === "node_modules" || name === ".fairlead" || isPrivateName(name);
}

/** The rules of one .gitignore; they are about paths below its directory. */
interface GitRules {
  readonly base: string;
  readonly rules: GitIgnore;
}

/** Decides which files belong to a source tree. Paths have forward slashes and are relative to the tree's root. */
export class IgnoreRules {
  readonly #root: string;
  readonly #docker: DockerIgnore;

  constructor(root: string) {
    this.#root = root;
    this.#docker = new DockerIgnore(readOptional(root, ".dockerignore"));
  }

  /** The rules that hold in a directory: those of the directory above and its own .gitignore. */
  enter(directory: string, above: readonly GitRules[]): readonly GitRules[] {
    const text = readOptional(this.#root, path.posix.join(directory, ".gitignore"));
    return text === "" ? above : [...above, { base: directory, rules: new GitIgnore(text) }];
  }

  /** Whether a file or a directory with all below it is omitted. */
  ignores(entry: { readonly path: string; readonly isDirectory: boolean }, rules: readonly GitRules[]): boolean {
    if (isNeverPart(path.posix.basename(entry.path))) return true;
    if (this.#isLeftOutOfImages(entry)) return true;
    let ignored = false;
    for (const { base, rules: own } of rules) {
      const relative = base === "" ? entry.path : entry.path.slice(base.length + 1);
      ignored = own.verdict({ path: relative, isDirectory: entry.isDirectory }) ?? ignored;
    }
    return ignored;
  }

  #isLeftOutOfImages({ path: at, isDirectory }: { readonly path: string; readonly isDirectory: boolean }): boolean {
    if (isDirectory) return this.#docker.ignores(at) && !this.#docker.hasExceptions;
    return this.#docker.ignores(at) && !isDockerfileName(at);
  }
}

function readOptional(root: string, at: string): string {
  try {
    return readFileSync(path.join(root, at), "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "EISDIR", "ENOTDIR")) return "";
    throw unreadable(at, error);
  }
}

const shownPath = 200;

/** What to throw when a path of a source cannot be inspected: `source.unsafe` for what its owner can fix. */
export function unreadable(at: string, cause: unknown): unknown {
  if (!isErrno(cause, "EACCES", "EPERM", "ENOENT", "EIO", "EISDIR", "ELOOP", "ENAMETOOLONG")) return cause;
  const shown = at.length > shownPath ? `${at.slice(0, shownPath)}…` : at;
  const why = isErrno(cause, "ENAMETOOLONG") ? "has too long a path" : "cannot be read";
  return new Fault("source.unsafe", `${shown} ${why}`, {
    hint: `${isErrno(cause, "ENAMETOOLONG") ? "Shorten it" : "Fix its permissions"}, or exclude it with .gitignore.`,
    cause,
  });
}
