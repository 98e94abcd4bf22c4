import type { Diagnostic } from "../base/faults.ts";

/** Where something stands in a manifest. */
interface Spot {
  readonly line: number;
  readonly column: number;
  readonly path: string;
}

/** Maximum number of diagnostics; the rest is omitted. */
const diagnosticLimit = 100;

/** `fairlead.yml:12:7 services.web.http.port: "abc" is not a port …`: the printed form of a diagnostic. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const place = [diagnostic.file, diagnostic.line, diagnostic.column].filter((part) => part !== undefined).join(":");
  return [place, diagnostic.path === "" ? "" : `${diagnostic.path}:`, diagnostic.message]
    .filter((part) => part !== "")
    .join(" ");
}

/**
 * Collects the diagnostics of one reading: each place and message once, in the order of the file, at most a hundred.
 */
export class Diagnostics {
  readonly #byKey = new Map<string, Diagnostic & { line: number; column: number }>();
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  get count(): number {
    return this.#byKey.size;
  }

  /** Whether more would not be shown; expensive checks can then be skipped. */
  get isFull(): boolean {
    return this.#byKey.size >= diagnosticLimit;
  }

  /** Reports a node, or about what is missing below it when a key is given. */
  add(node: Spot, message: string, key?: string): void {
    const path = key === undefined ? node.path : node.path === "" ? key : `${node.path}.${key}`;
    this.addAt({ line: node.line, column: node.column, path }, message);
  }

  addAt(place: Spot, message: string): void {
    const id = `${place.line}:${place.column}:${place.path}:${message}`;
    if (!this.#byKey.has(id)) this.#byKey.set(id, { ...place, message, file: this.#file });
  }

  /** Whether there is an error at or below a path: its value must then cause no further errors. */
  isAbout(path: string): boolean {
    return [...this.#byKey.values()].some((known) => known.path === path || known.path.startsWith(`${path}.`));
  }

  list(): Diagnostic[] {
    const all = [...this.#byKey.values()].sort((a, b) => a.line - b.line || a.column - b.column);
    const [first] = all.splice(diagnosticLimit);
    if (first) all.push({ ...first, path: "", message: "and more errors after this line" });
    return all;
  }
}

/** A text for a message: quoted, on one line, at most 60 characters. */
export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(short);
}

/** `one, two or three`. */
export function oneOf(words: readonly string[]): string {
  return listed(words, "or");
}

/** `one, two and three`. */
export function allOf(words: readonly string[]): string {
  return listed(words, "and");
}

function listed(words: readonly string[], last: string): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}

/** The most likely candidate: at most one typo for every three letters; null if none is that close. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  if (word.length > 40) return null;
  let best: string | null = null;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const slips = distance(word.toLowerCase(), candidate.toLowerCase());
    if (slips < least) [best, least] = [candidate, slips];
  }
  return best;
}

/** Optimal string alignment (Damerau–Levenshtein without repeated edits): insertions, deletions, swaps, replacements. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i += 1) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, at(i - 2, j - 2) + 1);
      rows[i]?.push(least);
    }
  }
  return at(a.length, b.length);
}
