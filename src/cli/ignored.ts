import { readFileSync } from "node:fs";
import path from "node:path";
import ignore, { type Ignore } from "ignore";
import { isErrno } from "../base/faults.ts";

/** Never part of a source: history, installed packages, our own state, and files that hold secrets by convention. */
function isNeverPart(name: string): boolean {
  if (name === ".git" || name === "node_modules" || name === ".fairlead") return true;
  return (name === ".env" || name.startsWith(".env.")) && name !== ".env.example";
}

/** The rules of one .gitignore; they are about paths below its directory. */
interface GitRules {
  readonly base: string;
  readonly rules: Ignore;
}

/** Decides what belongs to a source tree. Paths have forward slashes and are relative to the tree's root. */
export class IgnoreRules {
  readonly #root: string;
  readonly #docker: DockerIgnore;

  constructor(root: string) {
    this.#root = root;
    this.#docker = new DockerIgnore(readOptional(path.join(root, ".dockerignore")));
  }

  /** The rules that hold in a directory: those of the directory above and its own .gitignore. */
  enter(directory: string, above: readonly GitRules[]): readonly GitRules[] {
    const text = readOptional(path.join(this.#root, directory, ".gitignore"));
    return text === "" ? above : [...above, { base: directory, rules: ignore({ ignorecase: false }).add(text) }];
  }

  /** Whether a file or a directory with all below it is left out. */
  ignores(entry: { readonly path: string; readonly isDirectory: boolean }, rules: readonly GitRules[]): boolean {
    if (isNeverPart(path.posix.basename(entry.path))) return true;
    if (this.#docker.ignores(entry.path) && !(entry.isDirectory && this.#docker.hasExceptions)) return true;
    let ignored = false;
    for (const { base, rules: own } of rules) {
      const relative = base === "" ? entry.path : entry.path.slice(base.length + 1);
      const verdict = own.test(entry.isDirectory ? `${relative}/` : relative);
      if (verdict.ignored || verdict.unignored) ignored = verdict.ignored;
    }
    return ignored;
  }
}

/**
 * .dockerignore differs from .gitignore (docs.docker.com, "dockerignore file"): patterns start at the root, the last one
 * that matches a path or a directory above it decides, and an exception may lie in an excluded directory.
 */
class DockerIgnore {
  readonly #patterns: readonly { readonly rules: Ignore; readonly exception: boolean }[];

  constructor(text: string) {
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    this.#patterns = lines
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const pattern = path.posix.normalize(line.replace(/^!/, "").trim()).replace(/^\/|\/$/g, "");
        return { rules: ignore({ ignorecase: false }).add(`/${pattern}`), exception: line.startsWith("!") };
      });
  }

  get hasExceptions(): boolean {
    return this.#patterns.some(({ exception }) => exception);
  }

  ignores(file: string): boolean {
    const decisive = this.#patterns.findLast(({ rules }) => rules.ignores(file));
    return decisive !== undefined && !decisive.exception;
  }
}

function readOptional(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "EISDIR", "ENOTDIR")) return "";
    throw error;
  }
}
