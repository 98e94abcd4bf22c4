import type { SourceFile } from "./subject.ts";

/** Longest part of a line that is looked at before a place in it. */
const longest = 2_000;

/** The line of a place in a text; the part around it where the line is long. */
export function lineOf(text: string, at: number): string {
  const from = Math.max(text.lastIndexOf("\n", at - 1) + 1, at - longest);
  const end = text.indexOf("\n", at);
  return text.slice(from, Math.min(end < 0 ? text.length : end, at + longest));
}

/** The number of the line, from 1. */
export function lineNumber(text: string, at: number): number {
  let line = 1;
  for (let end = text.indexOf("\n"); end >= 0 && end < at; end = text.indexOf("\n", end + 1)) line += 1;
  return line;
}

const begins = /^\s*(?:#|\/\/|\/\*|\*|--|;|<!--)/;
const trails = /\s(?:#|\/\/|--)\s/;

/** Whether a place is in a comment or in a docstring, by the customs of common languages. */
export function isCommented({ path, text }: SourceFile, at: number): boolean {
  const from = Math.max(text.lastIndexOf("\n", at - 1) + 1, at - longest);
  const before = text.slice(from, at);
  if (begins.test(lineOf(text, at)) || trails.test(before)) return true;
  const head = text.slice(0, at);
  // `/*` only at the beginning of a line: in the middle it is often part of a glob.
  const opened = lastMatch(head, /^[ \t]*\/\*/gm);
  return opened > head.lastIndexOf("*/") || (path.endsWith(".py") && isInDocstring(head));
}

function lastMatch(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].at(-1)?.index ?? -1;
}

function isInDocstring(head: string): boolean {
  let open: { readonly quote: string; readonly isDocstring: boolean } | null = null;
  for (const { 0: quote, index } of head.matchAll(/"""|'''/g)) {
    if (open === null)
      open = { quote, isDocstring: /(?:^|\n)[ \t]*[rRuU]?$/.test(head.slice(Math.max(0, index - 200), index)) };
    else if (open.quote === quote) open = null;
  }
  return open?.isDocstring ?? false;
}
