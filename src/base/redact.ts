import type { Secret } from "./secret.ts";
import { formsOf } from "./secret-forms.ts";

export interface NamedSecret {
  /** Of the variable; it is printed in place of the value. */
  readonly name: string;
  readonly value: Secret;
}

/**
 * Puts `[secret NAME]` in place of every form (secret-forms.ts) of every secret. Forms that overlap become one mark, named
 * after the one that begins first, the longest of these. What holds no secret is not touched, and doing it twice is doing
 * it once, unless a secret itself contains square brackets. It works on bytes: UTF-8 is never cut inside a character,
 * and bytes that are no UTF-8 stay as they are.
 */
export interface Redactor {
  text(text: string): string;
  /** The same buffer when there is nothing to hide. */
  bytes(bytes: Buffer): Buffer;
  /** The longest that a form is, in bytes; 0 when there is nothing to look for. */
  readonly longest: number;
  /** Where `bytes` may be cut at or before `at`, or else first after it, so that no form in it is cut. */
  cut(bytes: Buffer, at: number): number;
}

interface Pattern {
  readonly bytes: Buffer;
  readonly mark: Buffer;
}

/** A place of bytes to hide. */
interface Span {
  readonly start: number;
  end: number;
  readonly mark: Buffer;
}

/** Where there is no secret: costs nothing. */
export const noRedactor: Redactor = {
  text: (text) => text,
  bytes: (bytes) => bytes,
  longest: 0,
  cut: (_, at) => at,
};

/** Where nobody can say any more what must be hidden: nothing is shown of a line but that it was there. */
export const blindRedactor: Redactor = {
  ...noRedactor,
  text: (text) => text.replace(/[^\n]+/g, "[secret]"),
  bytes: (bytes) => Buffer.from(blindRedactor.text(bytes.toString())),
};

/** Values shorter than six characters are not looked for. */
export function createRedactor(secrets: readonly NamedSecret[]): Redactor {
  const patterns = patternsOf(secrets);
  if (patterns.length === 0) return noRedactor;
  const matcher = new Matcher(patterns);
  const bytes = (input: Buffer) => {
    const spans = matcher.find(input);
    return spans ? without(input, spans) : input;
  };
  return {
    text(text) {
      const input = Buffer.from(text);
      const output = bytes(input);
      return output === input ? text : output.toString();
    },
    bytes,
    longest: matcher.longest,
    cut(input, at) {
      const spans = matcher.find(input.subarray(0, at + matcher.longest));
      const span = spans?.find(({ start, end }) => start < at && at < end);
      if (!span) return at;
      return span.start > 0 ? span.start : span.end;
    },
  };
}

function patternsOf(secrets: readonly NamedSecret[]): readonly Pattern[] {
  const byForm = new Map<string, Pattern>();
  const marks = new Set(["[secret]"]);
  for (const { name, value } of [...secrets].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    marks.add(`[secret ${name}]`);
    for (const form of formsOf(value.reveal())) {
      if (!byForm.has(form)) byForm.set(form, { bytes: Buffer.from(form), mark: Buffer.from(`[secret ${name}]`) });
    }
  }
  // A mark that holds a secret by chance (`secret`, for one) is itself a form, replaced by itself: it stays whole.
  const forms = [...byForm.keys()];
  for (const mark of marks) {
    const own = Buffer.from(mark);
    if (forms.some((form) => mark.includes(form))) byForm.set(mark, byForm.get(mark) ?? { bytes: own, mark: own });
  }
  return [...byForm.values()].sort((a, b) => b.bytes.length - a.bytes.length);
}

/** Shifts are taken from a table of so many hashes of three bytes; it fits the first cache of a processor. */
const tableSize = 1 << 14;
const mostShift = 48;

/**
 * Finds many patterns at once as Wu and Manber do ("A Fast Algorithm for Multi-Pattern Searching", 1994): the last three
 * bytes of a window say how far it can move, mostly by almost its length, so that only a part of the bytes is looked at.
 */
class Matcher {
  readonly longest: number;
  readonly #window: number;
  readonly #shifts: Uint8Array;
  readonly #byBlock = new Map<number, Pattern[]>();

  /** `patterns`: longest first. */
  constructor(patterns: readonly Pattern[]) {
    const lengths = patterns.map(({ bytes }) => bytes.length);
    this.longest = Math.max(...lengths);
    this.#window = Math.min(mostShift, ...lengths);
    this.#shifts = new Uint8Array(tableSize).fill(this.#window - 2);
    for (const pattern of patterns) {
      const { bytes } = pattern;
      for (let at = 2; at < this.#window; at += 1) {
        const block = blockAt(bytes, at);
        this.#shifts[block] = Math.min(this.#shifts[block] ?? 0, this.#window - 1 - at);
      }
      listed(this.#byBlock, blockAt(bytes, this.#window - 1)).push(pattern);
    }
  }

  /** Where secrets are, in order and apart from each other; null when there is none. */
  find(bytes: Buffer): Span[] | null {
    const shifts = this.#shifts;
    const length = bytes.length;
    let spans: Span[] | null = null;
    for (let at = this.#window - 1; at < length; ) {
      const block = blockAt(bytes, at);
      const shift = shifts[block] ?? 1;
      if (shift > 0) {
        at += shift;
        continue;
      }
      const start = at - this.#window + 1;
      const found = this.#byBlock.get(block)?.find((one) => startsAt(bytes, start, one.bytes));
      if (found) spans = joined(spans, { start, end: start + found.bytes.length, mark: found.mark });
      at += 1;
    }
    return spans;
  }
}

function blockAt(bytes: Buffer, at: number): number {
  return (((bytes[at - 2] ?? 0) << 6) ^ ((bytes[at - 1] ?? 0) << 3) ^ (bytes[at] ?? 0)) & (tableSize - 1);
}

function listed(lists: Map<number, Pattern[]>, key: number): Pattern[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

function startsAt(bytes: Buffer, at: number, pattern: Buffer): boolean {
  return (
    at + pattern.length <= bytes.length && bytes.compare(pattern, 0, pattern.length, at, at + pattern.length) === 0
  );
}

/** Adds a span that starts after all others; one that overlaps the last is a part of it. */
function joined(spans: Span[] | null, span: Span): Span[] {
  const last = spans?.at(-1);
  if (!spans || !last) return [span];
  if (span.start < last.end) last.end = Math.max(last.end, span.end);
  else spans.push(span);
  return spans;
}

/** `bytes` with marks in place of the spans. */
function without(bytes: Buffer, spans: readonly Span[]): Buffer {
  const pieces: Buffer[] = [];
  let done = 0;
  for (const { start, end, mark } of spans) {
    pieces.push(bytes.subarray(done, start), mark);
    done = end;
  }
  pieces.push(bytes.subarray(done));
  return Buffer.concat(pieces);
}
