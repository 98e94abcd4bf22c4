import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type Level, type LogFilter, type LogLine, levels, type StoredLine } from "../../../model/log.ts";

/** Limits of a chunk: lines or characters, whichever comes first. */
export const chunkLines = 200;
export const chunkCharacters = 256 * 1024;

/** Facts about a chunk without unpacking it; a search skips chunks by these. */
export interface ChunkFacts {
  minAt: number;
  maxAt: number;
  /** One bit per level that occurs (`levelBit`). */
  levels: number;
  /** One bit per instance that occurs, by a hash of its name. */
  instances: number;
  minRelease: number;
  maxRelease: number;
}

/** A chunk that is still being filled. */
export interface OpenChunk {
  readonly first: number;
  readonly sequences: number[];
  readonly lines: LogLine[];
  characters: number;
}

/** The origin of a line: instance, release and stream. */
type Writer = readonly [instance: string, release: number, stream: LogLine["stream"]];

/** All lines of a chunk by columns, which compresses better and is faster than objects. */
interface Columns {
  /** Writers by number; `writer` refers to them. */
  readonly writers: Writer[];
  readonly writer: number[];
  /** Difference to the sequence and time of the previous line; the first to the chunk's own and to 0. */
  readonly sequence: number[];
  readonly at: number[];
  /** Index into `levels`, or -1. */
  readonly level: number[];
  /** Length of the message in UTF-16 units. */
  readonly length: number[];
}

export function openChunk(first: number): OpenChunk {
  return { first, sequences: [], lines: [], characters: 0 };
}

export function isFull(chunk: OpenChunk): boolean {
  return chunk.lines.length >= chunkLines || chunk.characters >= chunkCharacters;
}

export function addLine(chunk: OpenChunk, sequence: number, line: LogLine): void {
  chunk.sequences.push(sequence);
  chunk.lines.push(line);
  chunk.characters += line.message.length;
}

/** A line without a level counts as info (model/log.ts). */
export function levelBit(level: Level | null): number {
  return 1 << levels.indexOf(level ?? "info");
}

/** One of 31 bits by the FNV-1a hash of a name: most chunks without the instance are skipped unread. */
export function instanceBit(instance: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < instance.length; i += 1) hash = Math.imul(hash ^ instance.charCodeAt(i), 0x01000193);
  return 1 << ((hash >>> 0) % 31);
}

/**
 * zstd of a line of JSON with the columns, then all messages; and the facts. Level 1 is faster than 3, and 7 % larger.
 */
export function pack(chunk: OpenChunk): { facts: ChunkFacts; data: Uint8Array } {
  const { columns, facts } = columnsOf(chunk);
  const text = `${JSON.stringify(columns)}\n${chunk.lines.map((line) => line.message).join("")}`;
  const params = { [constants.ZSTD_c_compressionLevel]: 1 };
  return { facts, data: zstdCompressSync(text, { params }) };
}

function columnsOf(chunk: OpenChunk): { columns: Columns; facts: ChunkFacts } {
  const columns: Columns = { writers: [], writer: [], sequence: [], at: [], level: [], length: [] };
  const { MAX_SAFE_INTEGER: most, MIN_SAFE_INTEGER: least } = Number;
  const facts = { minAt: most, maxAt: least, levels: 0, instances: 0, minRelease: most, maxRelease: least };
  let before: Pick<LogLine, "at" | "instance" | "release" | "stream"> | null = null;
  let sequence = chunk.first;
  let writer = 0;
  for (const [index, line] of chunk.lines.entries()) {
    const own = chunk.sequences[index] ?? sequence;
    if (before === null || !isSameWriter(before, line)) writer = writerIndex(columns, facts, line);
    columns.writer.push(writer);
    columns.sequence.push(own - sequence);
    columns.at.push(line.at - (before?.at ?? 0));
    columns.level.push(line.level === null ? -1 : levels.indexOf(line.level));
    columns.length.push(line.message.length);
    if (line.at < facts.minAt) facts.minAt = line.at;
    if (line.at > facts.maxAt) facts.maxAt = line.at;
    facts.levels |= levelBit(line.level);
    sequence = own;
    before = line;
  }
  return { columns, facts };
}

function isSameWriter(
  a: Pick<LogLine, "instance" | "release" | "stream">,
  b: Pick<LogLine, "instance" | "release" | "stream">,
): boolean {
  return a.instance === b.instance && a.release === b.release && a.stream === b.stream;
}

function writerIndex({ writers }: Columns, facts: ChunkFacts, line: LogLine): number {
  const found = writers.findIndex(([instance, release, stream]) => isSameWriter({ instance, release, stream }, line));
  if (found >= 0) return found;
  facts.instances |= instanceBit(line.instance);
  facts.minRelease = Math.min(facts.minRelease, line.release);
  facts.maxRelease = Math.max(facts.maxRelease, line.release);
  return writers.push([line.instance, line.release, line.stream]) - 1;
}

interface Unpacked {
  readonly columns: Columns;
  readonly text: string;
}

function unpack(data: Uint8Array): Unpacked {
  const whole = zstdDecompressSync(data).toString("utf8");
  const end = whole.indexOf("\n");
  return { columns: JSON.parse(whole.slice(0, end)) as Columns, text: whole.slice(end + 1) };
}

/** The filter for lines of a chunk. */
export interface LineFilter extends Pick<LogFilter, "release" | "instance" | "since" | "until"> {
  /** Bits of the requested levels. */
  readonly levels: number;
  readonly after: number;
  readonly upTo: number;
  readonly literal: string | null;
  readonly matches: (message: string) => boolean;
  /** Called before each line, because a pattern may take milliseconds for one. Stops the search. */
  readonly isCalledOff?: () => boolean;
}

/** The matching lines of a packed chunk, in order. */
export function linesOf(
  { first, data }: { first: number; data: Uint8Array },
  service: string,
  filter: LineFilter,
): StoredLine[] {
  const { columns, text } = unpack(data);
  const found: StoredLine[] = [];
  if (filter.literal !== null && !text.includes(filter.literal)) return found;
  let [sequence, at, start] = [first, 0, 0];
  for (let i = 0; i < columns.length.length && !filter.isCalledOff?.(); i += 1) {
    sequence += columns.sequence[i] ?? 0;
    at += columns.at[i] ?? 0;
    const end = start + (columns.length[i] ?? 0);
    const [instance, release, stream] = columns.writers[columns.writer[i] ?? 0] ?? ["", 0, "stdout"];
    const level = levels[columns.level[i] ?? -1] ?? null;
    if (isWanted(filter, { sequence, at, instance, release, level })) {
      const message = text.slice(start, end);
      if (filter.matches(message)) found.push({ sequence, at, service, instance, release, stream, level, message });
    }
    start = end;
  }
  return found;
}

function isWanted(
  filter: LineFilter,
  line: Pick<StoredLine, "sequence" | "at" | "instance" | "release" | "level">,
): boolean {
  return (
    line.sequence > filter.after &&
    line.sequence <= filter.upTo &&
    (levelBit(line.level) & filter.levels) !== 0 &&
    (filter.release === undefined || line.release === filter.release) &&
    (filter.instance === undefined || line.instance === filter.instance) &&
    (filter.since === undefined || line.at >= filter.since) &&
    (filter.until === undefined || line.at <= filter.until)
  );
}

const everything: LineFilter = {
  levels: -1,
  after: 0,
  upTo: Number.MAX_SAFE_INTEGER,
  literal: null,
  matches: () => true,
};

/** Continues to fill a chunk that was packed before it was full. */
export function reopenChunk(first: number, data: Uint8Array): OpenChunk {
  const chunk = openChunk(first);
  for (const line of linesOf({ first, data }, "", everything)) addLine(chunk, line.sequence, line);
  return chunk;
}
