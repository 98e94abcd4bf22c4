import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { keyText } from "../../../model/environment.ts";
import { type LogFilter, levels, type StoredLine } from "../../../model/log.ts";
import { instanceBit, type LineFilter, levelBit, linesOf } from "./chunk.ts";
import { createGrep } from "./grep.ts";

/** How long a search runs before others get a turn. */
const turnMs = 10;
/** Character limit of one answer: a flooded log must be read page by page. */
const answerCharacters = 4 * 1024 * 1024;

/** Searches for the newest lines, or the oldest ones after a sequence. */
export interface Order {
  readonly filter: LogFilter;
  readonly end: "newest" | "oldest";
  readonly limit: number;
  /** Searches the sequences in (`after`, `upTo`]. */
  readonly after: number;
  readonly upTo: number;
}

export interface SearchResult {
  /** Oldest first. */
  readonly lines: readonly StoredLine[];
  /** Null if everything was searched. Otherwise the rest is beyond this sequence, from about this time. */
  readonly left: { readonly sequence: number; readonly at: number } | null;
}

/** Early end of a search: at once by its caller, or after the chunk at which its time was over. */
export interface Ends {
  readonly isCalledOff: () => boolean;
  readonly withinMs: number;
}

interface Lane {
  readonly id: number;
  readonly service: string;
}

interface Chunk {
  readonly first: number;
  readonly last: number;
  readonly min_at: number;
  readonly max_at: number;
  readonly data: Uint8Array;
}

/** A lane and its chunk that is next. */
interface Cursor {
  readonly lane: Lane;
  chunk: Chunk;
}

/** The search for matching lines. It reads from disk. Fault: `request.invalid` for a pattern. */
export function createSearch(database: DatabaseSync) {
  const chunks = chunkReads(database);
  const lanesOf = database.prepare(
    "SELECT lane.id, service FROM lane JOIN environment ON environment.id = environment WHERE key = ?",
  );

  return async (order: Order, ends: Ends): Promise<SearchResult> => {
    const lines = lineFilter(order);
    const { services, key } = order.filter;
    const lanes = (lanesOf.all(keyText(key)) as unknown as Lane[]).filter(
      (one) => services?.includes(one.service) ?? true,
    );
    let cursors = lanes.flatMap((lane) => cursorOf(lane, chunks.begin(lane, lines, order.end)));
    let found: Best = { lines: [], isLong: false };
    const begun = performance.now();
    let turnEnds = begun + turnMs;
    let looked = 0;
    for (let one = nearest(cursors, order); one && canAdd(found, one.chunk, order); one = nearest(cursors, order)) {
      const now = performance.now();
      // A search that continues from a cut must make progress.
      const gotOn = order.end === "newest" ? looked > 0 : one.chunk.first - 1 > order.after;
      const isOver = gotOn && now - begun > ends.withinMs;
      if (ends.isCalledOff() || isOver) return cutShort(found, cursors, order);
      if (now > turnEnds) {
        await setImmediate();
        turnEnds = performance.now() + turnMs;
      }
      const { lane, chunk } = one;
      const own = linesOf(chunk, lane.service, { ...lines, isCalledOff: ends.isCalledOff });
      found = best(found, own, order);
      looked += 1;
      const next = cursorOf(lane, chunks.next(lane, lines, { end: order.end, from: chunk.first }));
      cursors = cursors.filter((other) => other !== one).concat(next);
    }
    const last = found.isLong ? found.lines.at(-1) : undefined;
    return { left: last ? { sequence: last.sequence, at: last.at } : null, lines: inOrder(found.lines) };
  };
}

function cursorOf(lane: Lane, chunk: Chunk | undefined): Cursor[] {
  return chunk ? [{ lane, chunk }] : [];
}

/** The cursor whose chunk is searched first, so that it is always known what has been searched. */
function nearest(cursors: readonly Cursor[], { end }: Pick<Order, "end">): Cursor | undefined {
  const isNearer = (a: Chunk, b: Chunk) => (end === "newest" ? a.last > b.last : a.first < b.first);
  return cursors.reduce<Cursor | undefined>(
    (best, one) => (best && !isNearer(one.chunk, best.chunk) ? best : one),
    undefined,
  );
}

/** Lines beyond the reached position are omitted, because the next search starts there. */
function cutShort({ lines }: Best, cursors: readonly Cursor[], { end }: Order): SearchResult {
  const chunks = cursors.map(({ chunk }) => chunk);
  if (end === "newest") {
    const sequence = Math.max(...chunks.map((one) => one.last));
    return { lines: inOrder(lines), left: { sequence, at: Math.max(...chunks.map((one) => one.max_at)) } };
  }
  const sequence = Math.min(...chunks.map((one) => one.first)) - 1;
  const at = Math.min(...chunks.map((one) => one.min_at));
  return { lines: inOrder(lines.filter((line) => line.sequence <= sequence)), left: { sequence, at } };
}

/** The best matches, best first; `isLong`: fewer than requested, because more would be too large. */
interface Best {
  readonly lines: readonly StoredLine[];
  readonly isLong: boolean;
}

function inOrder(lines: readonly StoredLine[]): StoredLine[] {
  return [...lines].sort((a, b) => a.sequence - b.sequence);
}

function best(found: Best, more: readonly StoredLine[], { end, limit }: Order): Best {
  const sign = end === "newest" ? -1 : 1;
  const lines = [...found.lines, ...more].sort((a, b) => sign * (a.sequence - b.sequence)).slice(0, limit);
  let room = answerCharacters;
  const tooMany = lines.findIndex(({ message }, place) => {
    room -= message.length;
    return room < 0 && place > 0;
  });
  return tooMany < 0 ? { lines, isLong: found.isLong } : { lines: lines.slice(0, tooMany), isLong: true };
}

/** Whether a chunk may contain a better match than the last one found. */
function canAdd({ lines, isLong }: Best, chunk: Chunk, { end, limit }: Order): boolean {
  const worst = lines.length < limit && !isLong ? undefined : lines.at(-1);
  if (!worst) return true;
  return end === "newest" ? chunk.last > worst.sequence : chunk.first < worst.sequence;
}

function lineFilter({ filter, after, upTo }: Order): LineFilter {
  const { release, instance, since, until, level, grep } = filter;
  const matcher = grep === undefined ? null : createGrep(grep);
  const least = level === undefined ? 0 : levels.indexOf(level);
  return {
    after,
    upTo,
    ...(release === undefined ? {} : { release }),
    ...(instance === undefined ? {} : { instance }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    levels: levels.slice(least).reduce((bits, each) => bits | levelBit(each), 0),
    literal: matcher?.literal ?? null,
    matches: (message) => matcher?.test(message) ?? true,
  };
}

function chunkReads(database: DatabaseSync) {
  const passes = `max_at >= ? AND min_at <= ? AND levels & ? <> 0 AND instances & ? <> 0
    AND max_release >= ? AND min_release <= ?`;
  const select = `SELECT first, last, min_at, max_at, data FROM chunk INDEXED BY chunk_by_place WHERE lane = ? AND last > ?`;
  const newest = database.prepare(`${select} AND first < ? AND ${passes} ORDER BY first DESC LIMIT 1`);
  const oldest = database.prepare(`${select} AND first > ? AND ${passes} ORDER BY first LIMIT 1`);
  const holding = database.prepare("SELECT max(first) AS first FROM chunk WHERE lane = ? AND first <= ?");

  const next = (lane: Lane, filter: LineFilter, { end, from }: { end: Order["end"]; from: number }) =>
    (end === "newest" ? newest : oldest).get(lane.id, filter.after, from, ...bounds(filter)) as Chunk | undefined;

  return {
    next,
    begin(lane: Lane, filter: LineFilter, end: Order["end"]): Chunk | undefined {
      if (end === "newest") return next(lane, filter, { end, from: filter.upTo + 1 });
      const first = holding.get(lane.id, filter.after)?.first;
      return next(lane, filter, { end, from: typeof first === "number" ? first - 1 : -1 });
    },
  };
}

/** Values to compare with the chunk's columns, in the order of `passes`. */
function bounds({ since, until, levels: wanted, instance, release }: LineFilter): number[] {
  return [
    since ?? Number.MIN_SAFE_INTEGER,
    until ?? Number.MAX_SAFE_INTEGER,
    wanted,
    instance === undefined ? -1 : instanceBit(instance),
    release ?? 0,
    release ?? Number.MAX_SAFE_INTEGER,
  ];
}
