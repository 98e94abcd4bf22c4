import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { type LogFilter, levels, type StoredLine } from "../../../model/log.ts";
import { instanceBit, type LineFilter, levelBit, linesOf } from "./chunk.ts";
import { createGrep } from "./grep.ts";
import type { Lane, Shelf } from "./shelf.ts";

/** Chunks unpacked (some 0.1 ms each) before other work of the process gets its turn. */
const chunksAtOnce = 32;

/** The newest lines, or the oldest ones after a sequence. */
export type Wanted =
  | { readonly end: "newest"; readonly limit: number }
  | { readonly end: "oldest"; readonly limit: number };

interface Chunk {
  readonly first: number;
  readonly last: number;
  readonly data: Uint8Array;
}

/** The search for lines that a filter lets through, among those with sequences in (`after`, `upTo`]. */
export function createSearch(database: DatabaseSync) {
  const chunks = chunkReads(database);

  return async (shelf: Shelf, filter: LogFilter, { after, ...wanted }: Wanted & { after: number }) => {
    const lines = lineFilter(filter, { after, upTo: shelf.last });
    const lanes = [...shelf.lanes.values()].filter((lane) => filter.services?.includes(lane.service) ?? true);
    let found: StoredLine[] = [];
    let unpacked = 0;
    for (const lane of lanes) {
      const own: StoredLine[] = [];
      let chunk = chunks.begin(lane, lines, wanted.end);
      while (chunk && own.length < wanted.limit && canAdd(found, chunk, wanted)) {
        own.push(...inOrder(linesOf(chunk, lane.service, lines), wanted));
        unpacked += 1;
        if (unpacked % chunksAtOnce === 0) await setImmediate();
        chunk = chunks.next(lane, lines, { end: wanted.end, from: chunk.first });
      }
      found = best([...found, ...own], wanted);
    }
    return wanted.end === "newest" ? found.reverse() : found;
  };
}

/** Lines in the order in which they are wanted: the newest or the oldest first. */
function inOrder(lines: StoredLine[], { end }: Wanted): StoredLine[] {
  return end === "newest" ? lines.reverse() : lines;
}

function best(lines: StoredLine[], { end, limit }: Wanted): StoredLine[] {
  const sign = end === "newest" ? -1 : 1;
  return lines.sort((a, b) => sign * (a.sequence - b.sequence)).slice(0, limit);
}

/** Whether a chunk may hold a line that is wanted more than the last one found in other lanes. */
function canAdd(found: readonly StoredLine[], chunk: Chunk, { end, limit }: Wanted): boolean {
  const worst = found.length < limit ? undefined : found.at(-1);
  if (!worst) return true;
  return end === "newest" ? chunk.last > worst.sequence : chunk.first < worst.sequence;
}

function lineFilter(filter: LogFilter, range: { after: number; upTo: number }): LineFilter {
  const { release, instance, since, until, level, grep } = filter;
  const matcher = grep === undefined ? null : createGrep(grep);
  const least = level === undefined ? 0 : levels.indexOf(level);
  return {
    ...range,
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
  const select = `SELECT first, last, data FROM chunk INDEXED BY chunk_by_place WHERE lane = ? AND last > ?`;
  const newest = database.prepare(`${select} AND first < ? AND ${passes} ORDER BY first DESC LIMIT 1`);
  const oldest = database.prepare(`${select} AND first > ? AND ${passes} ORDER BY first LIMIT 1`);
  const holding = database.prepare("SELECT max(first) AS first FROM chunk WHERE lane = ? AND first <= ?");

  const next = (lane: Lane, filter: LineFilter, { end, from }: { end: Wanted["end"]; from: number }) =>
    (end === "newest" ? newest : oldest).get(lane.id, filter.after, from, ...bounds(filter)) as Chunk | undefined;

  return {
    next,
    begin(lane: Lane, filter: LineFilter, end: Wanted["end"]): Chunk | undefined {
      if (end === "newest") return next(lane, filter, { end, from: filter.upTo + 1 });
      const first = holding.get(lane.id, filter.after)?.first;
      return next(lane, filter, { end, from: typeof first === "number" ? first - 1 : -1 });
    },
  };
}

/** What the chunk's columns are compared with, in the order of `passes`. */
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
