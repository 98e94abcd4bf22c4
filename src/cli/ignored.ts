import { readFileSync } from "node:fs";
import path from "node:path";
import { Fault, isErrno } from "../base/faults.ts";
import { oneLine } from "../base/printable.ts";
import { DockerIgnore, GitIgnore, isDockerfileName, isPrivateName } from "../base/source-rules.ts";
import { decodeText } from "../base/text.ts";

/** Why a path is left out of a source, after "left out: ". */
export type LeftOutReason =
  | "by .gitignore"
  | "by .gitignore; Git does not answer, so tracked files may be among them"
  | "by .dockerignore"
  | "never part of a source"
  | "neither file, directory nor link"
  | "its name is not UTF-8";

/** A path of a source tree that is not part of the source. */
export interface LeftOut {
  /** A directory ends with `/`; all below it is left out. */
  readonly path: string;
  readonly why: LeftOutReason;
  /** Git tracks it, or files below it. */
  readonly isTracked: boolean;
}

/** Names listed for one reason; more are counted. */
const listed = 4;

/** One line for each reason: "left out by .gitignore: dist/, coverage/". Not for our own state and history. */
export function leftOutLines(leftOut: readonly LeftOut[]): readonly string[] {
  const told = leftOut.filter(({ path: at }) => !/(?:^|\/)\.(?:git|fairlead)\/?$/.test(at));
  const reasons = [...new Set(told.map(({ why }) => why))].sort();
  return reasons.map((reason) =>
    namedLine(
      `left out, ${reason}`,
      told.filter(({ why }) => why === reason),
    ),
  );
}

/** "WHAT: a, b and 4 more". */
export function namedLine(what: string, named: readonly { readonly path: string }[]): string {
  const names = named.slice(0, listed).map(({ path: at }) => oneLine(at, shownPath));
  const more = named.length > listed ? ` and ${named.length - listed} more` : "";
  return `${what}: ${names.join(", ")}${more}`;
}

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

  /** Why a file or a directory with all below it is omitted, whatever Git tracks; null: it is not. */
  reason(entry: { readonly path: string; readonly isDirectory: boolean }): LeftOutReason | null {
    if (isNeverPart(path.posix.basename(entry.path))) return "never part of a source";
    return this.#isLeftOutOfImages(entry) ? "by .dockerignore" : null;
  }

  /** Whether the rules of .gitignore leave a path out. */
  isGitIgnored(entry: { readonly path: string; readonly isDirectory: boolean }, rules: readonly GitRules[]): boolean {
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
    return decodeText(readFileSync(path.join(root, at))) ?? "";
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
