export interface Pattern {
  readonly bytes: Buffer;
  readonly mark: Buffer;
}

/** A range of bytes to hide. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly mark: Buffer;
}

/** Number of entries in the table of shifts by hashes of three bytes; it fits the processor's L2 cache. */
const tableSize = 1 << 16;
const mostShift = 48;
const none: readonly Span[] = [];

/**
 * Finds many patterns at once as Wu and Manber do ("A Fast Algorithm for Multi-Pattern Searching", 1994): the last
 * three bytes of a window determine how far it can move, mostly by almost its length, so that only part of the bytes is
 * read. The patterns are in one buffer, because there are thousands.
 */
export class Matcher {
  readonly longest: number;
  readonly #window: number;
  readonly #shifts: Uint8Array;
  readonly #byBlock = new Map<number, number[]>();
  readonly #all: Buffer;
  /** Where a pattern begins in `#all`; it ends where the next one begins. */
  readonly #starts: Uint32Array;
  readonly #marks: readonly Buffer[];

  /** `patterns`: at least one, longest first. */
  constructor(patterns: readonly Pattern[]) {
    const lengths = patterns.map(({ bytes }) => bytes.length);
    this.longest = Math.max(...lengths);
    this.#window = Math.min(mostShift, ...lengths);
    this.#all = Buffer.concat(patterns.map(({ bytes }) => bytes));
    this.#marks = patterns.map(({ mark }) => mark);
    this.#starts = new Uint32Array(patterns.length + 1);
    this.#shifts = new Uint8Array(tableSize).fill(this.#window - 2);
    for (const [place, { bytes }] of patterns.entries()) {
      this.#starts[place + 1] = (this.#starts[place] ?? 0) + bytes.length;
      for (let at = 2; at < this.#window; at += 1) {
        const block = blockAt(bytes, at);
        this.#shifts[block] = Math.min(this.#shifts[block] ?? 0, this.#window - 1 - at);
      }
      const last = blockAt(bytes, this.#window - 1);
      const others = this.#byBlock.get(last);
      if (others) others.push(place);
      else this.#byBlock.set(last, [place]);
    }
  }

  /** Where patterns are, in order and apart from each other. */
  find(bytes: Buffer): readonly Span[] {
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
      const found = this.#at(bytes, at - this.#window + 1, block);
      if (found) {
        spans ??= [];
        joinInto(spans, found);
      }
      at += 1;
    }
    return spans ?? none;
  }

  #at(bytes: Buffer, start: number, block: number): Span | null {
    const first = bytes[start];
    for (const place of this.#byBlock.get(block) ?? []) {
      const from = this.#starts[place] ?? 0;
      if (this.#all[from] !== first) continue;
      const to = this.#starts[place + 1] ?? 0;
      const end = start + to - from;
      const isHere = end <= bytes.length && bytes.compare(this.#all, from, to, start, end) === 0;
      if (isHere) return { start, end, mark: this.#marks[place] as Buffer };
    }
    return null;
  }
}

function blockAt(bytes: Buffer, at: number): number {
  return (((bytes[at - 2] ?? 0) << 10) ^ ((bytes[at - 1] ?? 0) << 5) ^ (bytes[at] ?? 0)) & (tableSize - 1);
}

/** Adds a span that starts after all others; one that overlaps the last is a part of it. */
export function joinInto(spans: Span[], span: Span): void {
  const last = spans.at(-1);
  if (!last || span.start >= last.end) spans.push(span);
  else if (span.end > last.end) spans[spans.length - 1] = { ...last, end: span.end };
}
