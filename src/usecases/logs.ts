import { type EnvKey, sameKey } from "../model/environment.ts";
import type { LogFilter, StoredLine } from "../model/log.ts";
import { Bell, lookAnywayMs } from "./bell.ts";
import { authorise, type Call, environmentOf } from "./ground.ts";

/** Most lines of one message of a stream. */
const batchLines = 1_000;

export interface LogChunk {
  readonly lines: readonly StoredLine[];
  /** Where to go on, also when no line matched. */
  readonly next: number;
}

export type LogRange =
  | { readonly from: "end"; readonly tail: number }
  | { readonly from: "after"; readonly after: number; readonly limit: number };

/** Lines of an environment, oldest first. Faults: `app.unknown`; `request.invalid` when `grep` cannot be used. */
export async function readLogs(call: Call, filter: LogFilter, range: LogRange): Promise<LogChunk> {
  authorise(call, "read");
  await environmentOf(call, filter.key);
  if (range.from === "after") return call.deps.logs.read(filter, range.after, range.limit);
  return lastLines(call, filter, range.tail);
}

/** The end is looked up first: what is appended meanwhile is found again after it, never lost. */
async function lastLines({ deps: { logs } }: Call, filter: LogFilter, tail: number): Promise<LogChunk> {
  const end = (await logs.tail({ key: filter.key }, 1)).at(-1)?.sequence ?? 0;
  const found = await logs.tail(filter, Math.max(1, tail));
  const lines = tail === 0 ? [] : found;
  return { lines, next: Math.max(end, lines.at(-1)?.sequence ?? 0) };
}

/**
 * The last `tail` lines, or those after a sequence, and then whatever comes, in batches, until `signal`. The first
 * answer of the promise is already checked, so that faults come before the stream begins.
 */
export async function followLogs(
  call: Call,
  filter: LogFilter,
  { start, signal }: { start: { tail: number } | { after: number }; signal: AbortSignal },
): Promise<AsyncGenerator<LogChunk>> {
  const first: LogRange =
    "after" in start ? { from: "after", after: start.after, limit: batchLines } : { from: "end", tail: start.tail };
  return goOn(call, filter, { first: await readLogs(call, filter, first), signal });
}

async function* goOn(
  { deps: { logs, clock } }: Call,
  filter: LogFilter,
  { first, signal }: { first: LogChunk; signal: AbortSignal },
): AsyncGenerator<LogChunk> {
  const bell = new Bell(clock, signal);
  const leave = logs.appended((key) => isOf(filter, key) && bell.ring());
  try {
    for (let chunk = first; !signal.aborted; ) {
      if (chunk.lines.length > 0) yield chunk;
      const before = chunk.next;
      chunk = await logs.read(filter, before, batchLines);
      if (chunk.lines.length === 0 && chunk.next === before) await bell.wait(lookAnywayMs);
    }
  } finally {
    leave();
  }
}

function isOf(filter: LogFilter, key: EnvKey): boolean {
  return sameKey(filter.key, key);
}
