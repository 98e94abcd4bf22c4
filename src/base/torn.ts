import type { Span } from "./matcher.ts";

export interface TornRun {
  readonly bytes: Buffer;
  readonly isSoft: boolean;
  readonly mark: Buffer;
}

/** Pieces shorter than this stay: it is the minimum length of six bytes in base64. */
const gram = 8;
/** Every eighth piece of a run is indexed, and all of them near its ends, so that one is found within eight steps. */
const stride = 8;
const dense = 16;
/** Characters allowed between the text of a line and its end: white space, quotes, continuation marks. */
const isEdge = new Uint8Array(256);
for (const byte of Buffer.from(" \t\r\"'+\\,=)")) isEdge[byte] = 1;
const mostEdge = 64;
const [newline, backslash, letterN, equals] = [0x0a, 0x5c, 0x6e, 0x3d];
const none: readonly Span[] = [];
const nowhere: readonly number[] = [];

/** Characters of base64, base64url and hexadecimal; in quoted-printable it may be any that prints. */
const isPart = new Uint8Array(256);
for (const byte of Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")) isPart[byte] = 1;
const isPrinted = new Uint8Array(256).fill(1, 0x20, 0x7f);

/**
 * Finds pieces of encodings that are broken into lines, of any length and with any text before the secret: pieces that
 * end a line and begin a run, begin a line and end a run, or are a whole line of it. It needs no other line, so it does
 * not matter where output is cut. An escaped `\n` counts as a line end, as in JSON.
 */
export class TornFinder {
  readonly #runs: readonly TornRun[];
  /** Positions in runs by the hash of their text; a filter of the hashes answers most lookups. */
  readonly #places = new Map<number, number[]>();
  readonly #filter = new Uint8Array(1 << 13);

  constructor(runs: readonly TornRun[]) {
    this.#runs = runs.filter(({ bytes }) => bytes.length >= gram);
    for (const [place, { bytes }] of this.#runs.entries()) {
      const last = bytes.length - gram;
      for (let at = 0; at <= last; at += at < dense || at >= last - dense ? 1 : Math.min(stride, last - dense - at)) {
        this.#remember(hashAt(bytes, at), place * (1 << 16) + at);
      }
    }
  }

  /** In no order. */
  find(bytes: Buffer): readonly Span[] {
    let spans: Span[] | null = null;
    const add = (span: Span | null) => {
      if (span === null) return;
      spans ??= [];
      spans.push(span);
    };
    add(this.#after(bytes, 0, false));
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) {
      add(this.#before(bytes, at));
      add(this.#after(bytes, at + 1, isSoftBefore(bytes, at)));
    }
    for (let at = bytes.indexOf("\\n"); at >= 0; at = bytes.indexOf("\\n", at + 2)) {
      add(this.#before(bytes, at));
      add(this.#after(bytes, at + 2, isSoftBefore(bytes, at)));
    }
    add(this.#before(bytes, bytes.length));
    return spans ?? none;
  }

  #remember(hash: number, place: number): void {
    const places = this.#places.get(hash);
    if (places) places.push(place);
    else this.#places.set(hash, [place]);
    const bit = hash & 0xffff;
    this.#filter[bit >> 3] = (this.#filter[bit >> 3] ?? 0) | (1 << (bit & 7));
  }

  /** Text that begins a run before the end of a line. */
  #before(bytes: Buffer, lineEnd: number): Span | null {
    let end = lineEnd;
    while (end > 0 && lineEnd - end < mostEdge && isEdge[bytes[end - 1] ?? 0]) end -= 1;
    const isSoft = isSoftBefore(bytes, lineEnd);
    const kind = isSoft ? isPrinted : isPart;
    if (!holdsGram(bytes, end - gram, kind)) return null;
    for (let step = 0; step < stride && end - gram - step >= 0; step += 1) {
      const at = end - gram - step;
      if (!kind[bytes[at] ?? 0]) return null;
      for (const each of this.#seen(bytes, at)) {
        const [run, place] = this.#run(each);
        const start = at - place;
        const isPrefix = start >= 0 && place + gram + step <= run.bytes.length && (isSoft || !run.isSoft);
        if (isPrefix && bytes.compare(run.bytes, 0, end - start, start, end) === 0)
          return { start, end, mark: run.mark };
      }
    }
    return null;
  }

  /** Text after a line end that ends a run or is a whole line of it. */
  #after(bytes: Buffer, lineStart: number, isSoft: boolean): Span | null {
    let start = lineStart;
    while (start - lineStart < mostEdge && isEdge[bytes[start] ?? 0]) start += 1;
    const kind = isSoft ? isPrinted : isPart;
    if (!holdsGram(bytes, start, kind)) return null;
    for (let step = 0; step < stride && start + step + gram <= bytes.length; step += 1) {
      if (!kind[bytes[start + step + gram - 1] ?? 0]) return null;
      const found = this.#seen(bytes, start + step).flatMap((each) => {
        const [run, place] = this.#run(each);
        const from = place - step;
        if (from < 0 || (run.isSoft && !isSoft)) return [];
        const length = commonLength(bytes.subarray(start), run.bytes.subarray(from));
        const isWhole = from + length === run.bytes.length || isLineEnd(bytes, start + length);
        return length >= gram && isWhole ? [{ start, end: start + length, mark: run.mark }] : [];
      });
      if (found.length > 0) return found.reduce((longest, each) => (each.end > longest.end ? each : longest));
    }
    return null;
  }

  /** Positions in runs that match the text here. */
  #seen(bytes: Buffer, at: number): readonly number[] {
    const hash = hashAt(bytes, at);
    const bit = hash & 0xffff;
    if ((((this.#filter[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 0) return nowhere;
    return this.#places.get(hash) ?? nowhere;
  }

  #run(place: number): readonly [TornRun, number] {
    return [this.#runs[Math.floor(place / (1 << 16))] as TornRun, place % (1 << 16)];
  }
}

function holdsGram(bytes: Buffer, at: number, kind: Uint8Array): boolean {
  if (at < 0 || at + gram > bytes.length) return false;
  for (let each = at; each < at + gram; each += 1) if (!kind[bytes[each] ?? 0]) return false;
  return true;
}

function hashAt(bytes: Buffer, at: number): number {
  const first = bytes.readUInt32LE(at);
  const second = bytes.readUInt32LE(at + 4);
  return (Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b) ^ (first >>> 15)) >>> 0;
}

function commonLength(a: Buffer, b: Buffer): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length += 1;
  return length;
}

/** Whether a line of quoted-printable continues after its end at `at`. */
function isSoftBefore(bytes: Buffer, at: number): boolean {
  return bytes[at - 1] === equals || (bytes[at - 1] === 0x0d && bytes[at - 2] === equals);
}

function isLineEnd(bytes: Buffer, at: number): boolean {
  let end = at;
  while (end < bytes.length && end - at < mostEdge && isEdge[bytes[end] ?? 0]) {
    if (bytes[end] === backslash && bytes[end + 1] === letterN) return true;
    end += 1;
  }
  return end >= bytes.length || bytes[end] === newline;
}
