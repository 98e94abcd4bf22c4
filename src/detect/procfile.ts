import { plainWords, shell } from "./dockerfile.ts";
import type { Tree } from "./tree.ts";

/** The commands of a Procfile by process type (Heroku's format: `name: command`, one per line). */
export function readProcfile(tree: Tree): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const line of (tree.text("Procfile") ?? "").split(/\r?\n/).slice(0, 100)) {
    const match = /^([a-z][a-z0-9-]{0,39}):\s*(\S.*)$/.exec(line.trim());
    if (match?.[1] && match[2] && match[2].length <= 8_192) found.set(match[1], commandOf(match[2]));
  }
  return found;
}

/** A command line as arguments: split if it needs no shell, otherwise passed to one. */
export function commandOf(line: string): readonly string[] {
  return plainWords(line) ?? (/^\s*\w+=|[;&|]/.test(line) ? ["sh", "-c", line.trim()] : shell(line.trim()));
}
