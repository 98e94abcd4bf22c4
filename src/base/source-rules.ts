import { posix } from "node:path";
import { Glob } from "./glob.ts";

/** Whether a file or directory of this name holds history or secrets by convention: never part of a source (R046). */
export function isPrivateName(name: string): boolean {
  return name === ".git" || ((name === ".env" || name.startsWith(".env.")) && name !== ".env.example");
}

/** Whether a file is a Dockerfile by its name: a build needs it even if .dockerignore excludes it from the image. */
export function isDockerfileName(path: string): boolean {
  return /^(?:.+\.)?dockerfile(?:\..+)?$/i.test(posix.basename(path));
}

/**
 * .dockerignore differs from .gitignore (docs.docker.com, "dockerignore file"): patterns start at the root, the last
 * one that matches a path or a directory above it decides, and an exception may be in an excluded directory.
 */
export class DockerIgnore {
  readonly #patterns: readonly { readonly glob: Glob; readonly exception: boolean }[];

  constructor(text: string) {
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    this.#patterns = lines
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const pattern = posix.normalize(line.replace(/^!/, "").trim()).replace(/^\/|\/$/g, "");
        return { glob: new Glob(pattern), exception: line.startsWith("!") };
      });
  }

  get hasExceptions(): boolean {
    return this.#patterns.some(({ exception }) => exception);
  }

  ignores(file: string): boolean {
    const decisive = this.#patterns.findLast(({ glob }) => glob.matches(file));
    return decisive !== undefined && !decisive.exception;
  }
}

/** One file .gitignore (gitignore(5)): its patterns are about what lies below its directory. */
export class GitIgnore {
  readonly #rules: readonly { readonly glob: Glob; readonly exception: boolean; readonly wantsDirectory: boolean }[];

  constructor(text: string) {
    const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
    this.#rules = lines.flatMap((line) => {
      const exception = line.startsWith("!");
      const pattern = withoutSpaces(exception ? line.slice(1) : line);
      const path = pattern.replace(/\/$/, "");
      if (path === "" || line.startsWith("#")) return [];
      const anchored = path.includes("/") ? path.replace(/^\//, "") : `**/${path}`;
      return [{ glob: new Glob(anchored), exception, wantsDirectory: path !== pattern }];
    });
  }

  /** Whether the last pattern that means a path leaves it out; null: none does. */
  verdict({ path, isDirectory }: { readonly path: string; readonly isDirectory: boolean }): boolean | null {
    const decisive = this.#rules.findLast(
      ({ glob, wantsDirectory }) => (isDirectory || !wantsDirectory) && glob.means(path),
    );
    return decisive === undefined ? null : !decisive.exception;
  }
}

/** Spaces at the end count only behind a backslash. */
function withoutSpaces(line: string): string {
  let end = 0;
  for (let at = 0; at < line.length; at += 1) {
    if (line[at] === "\\") at += 1;
    else if (line[at] === " ") continue;
    end = at + 1;
  }
  return line.slice(0, end);
}
