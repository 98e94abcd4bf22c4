import type { SourceFile } from "./subject.ts";

/** Longest part of a line that is looked at around a place in it. */
const longest = 2_000;

/** The line of a place in a text; the part around it where the line is long. */
export function lineOf(text: string, at: number): string {
  const from = Math.max(text.lastIndexOf("\n", at - 1) + 1, at - longest);
  const end = text.indexOf("\n", at);
  return text.slice(from, Math.min(end < 0 ? text.length : end, at + longest));
}

/** Lines and comments of one file, for many places in it: each question takes a few steps. */
export class FileLines {
  readonly #file: SourceFile;
  /** Where each line begins. */
  readonly #starts: readonly number[];
  #comments: readonly Span[] | null = null;
  #commentStarts: readonly number[] = [];

  constructor(file: SourceFile) {
    this.#file = file;
    this.#starts = [0, ...[...file.text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  }

  /** The number of the line of a place, from 1. */
  number(at: number): number {
    return lastNotAfter(this.#starts, at) + 1;
  }

  /** A line by its number; empty outside of the file. */
  text(number: number): string {
    const from = this.#starts[number - 1];
    return from === undefined
      ? ""
      : this.#file.text.slice(from, (this.#starts[number] ?? Number.POSITIVE_INFINITY) - 1);
  }

  /** Whether a place is in a comment or in a docstring, by the customs of common languages. */
  isCommented(at: number): boolean {
    const line = lineOf(this.#file.text, at);
    const before = line.slice(0, at - Math.max(this.#starts[this.number(at) - 1] ?? 0, at - longest));
    if (begins.test(line) || trails.test(before)) return true;
    if (this.#comments === null) {
      this.#comments = blocksOf(this.#file);
      this.#commentStarts = this.#comments.map(({ from }) => from);
    }
    const nearest = this.#comments[lastNotAfter(this.#commentStarts, at)];
    return nearest !== undefined && at < nearest.end;
  }
}

interface Span {
  readonly from: number;
  readonly end: number;
}

const begins = /^\s*(?:#|\/\/|\/\*|\*|--|;|<!--)/;
const trails = /\s(?:#|\/\/|--)\s/;

/** The index of the last of these sorted numbers that is not greater; -1 before the first. */
function lastNotAfter(sorted: readonly number[], wanted: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Comments of several lines: `/*` only at the beginning of a line, because elsewhere it is often part of a glob. */
function blocksOf({ path, text }: SourceFile): readonly Span[] {
  if (path.endsWith(".py")) return docstringsOf(text);
  const found: Span[] = [];
  for (const { index } of text.matchAll(/^[ \t]*\/\*/gm)) {
    if (index < (found.at(-1)?.end ?? 0)) continue;
    const end = text.indexOf("*/", index);
    found.push({ from: index, end: end < 0 ? text.length : end });
  }
  return found;
}

function docstringsOf(text: string): readonly Span[] {
  const found: Span[] = [];
  let open: { readonly quote: string; readonly at: number } | null = null;
  for (const { 0: quote, index } of text.matchAll(/"""|'''/g)) {
    if (open === null) open = { quote, at: index };
    else if (open.quote === quote) {
      if (/(?:^|\n)[ \t]*[rRuU]?$/.test(text.slice(Math.max(0, open.at - 200), open.at)))
        found.push({ from: open.at, end: index });
      open = null;
    }
  }
  return found;
}
