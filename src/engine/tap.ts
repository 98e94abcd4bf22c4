import { noRedactor, type Redactor } from "../base/redact.ts";
import { formatSize } from "../base/size.ts";
import type { LogOrigin } from "../ports/logs.ts";
import type { Output } from "../ports/runtime.ts";
import { createLineSplitter, type LineSplitter } from "./lines.ts";

/** Lines of a stream, and up to which byte it has been read when they are stored. */
export interface Yield {
  readonly texts: readonly string[];
  readonly offset: number;
}

/** One stream that is split into lines. Unstored lines are read again: `rewind` loses and doubles nothing. */
export class Tap {
  readonly origin: LogOrigin;
  readonly #redactor: Redactor;
  #splitter: LineSplitter;
  /** Where the splitter's count begins. */
  #base: number;
  #stored: number;
  /** Bytes read since the runtime was last told what it may free. */
  unreleased = 0;
  /** Where to read on. */
  offset: number;

  constructor(origin: LogOrigin, { position, redactor = noRedactor }: { position: number; redactor?: Redactor }) {
    this.origin = origin;
    this.#redactor = redactor;
    this.#splitter = createLineSplitter(redactor);
    this.#base = position;
    this.#stored = position;
    this.offset = position;
  }

  /**
   * Splits the data into lines. A hole or a truncation ends the line before it, and the log reports what was skipped.
   */
  push({ at, bytes }: Output): Yield {
    const before = at === this.offset ? [] : [...this.#splitter.gap(), passed(this.offset, at)];
    if (at !== this.offset) this.#beginAt(at);
    if (at < this.offset) this.#stored = at; // stored output beyond it is no longer in any file
    const texts = [...before, ...this.#splitter.push(bytes)];
    this.offset = at + bytes.length;
    this.unreleased += bytes.length;
    return { texts, offset: this.#base + this.#splitter.consumed };
  }

  /** At the end of the stream: the rest without a line end. */
  end(): Yield {
    return { texts: this.#splitter.end(), offset: this.offset };
  }

  keep(offset: number): void {
    this.#stored = offset;
  }

  /** Goes back to where the store is. */
  rewind(): void {
    this.#beginAt(this.#stored);
    this.offset = this.#stored;
  }

  #beginAt(offset: number): void {
    this.#splitter = createLineSplitter(this.#redactor);
    this.#base = offset;
  }
}

function passed(from: number, to: number): string {
  if (to < from) return "[fairlead: this output was truncated and is read from the start]";
  return `[fairlead: skipped a hole of ${formatSize(to - from)} in this output]`;
}
