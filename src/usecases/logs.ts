import { Fault } from "../base/faults.ts";
import { type EnvKey, keyText, sameKey } from "../model/environment.ts";
import type { LogFilter } from "../model/log.ts";
import { releaseName, serviceOf } from "../model/release.ts";
import type { FoundLines } from "../ports/logs.ts";
import { type Call, environmentOf, newestRelease } from "./access.ts";
import { lookAnywayMs, Wakeup } from "./wakeup.ts";

/** Most lines of one message of a stream. */
const batchLines = 1_000;

/** Lines, where to continue, and how far a search got that took too long (ports/logs.ts). */
export type LogChunk = FoundLines;

export type LogRange =
  | { readonly from: "end"; readonly tail: number }
  | { readonly from: "after"; readonly after: number; readonly limit: number };

/**
 * Lines of an environment, oldest first. The search ends with `signal`. Faults: `app.unknown`; `service.unknown` for
 * one that neither the newest release has nor any line is from; `release.unknown`; `request.invalid` when `grep` cannot
 * be used.
 */
export async function readLogs(
  call: Call,
  filter: LogFilter,
  { range, signal }: { range: LogRange; signal: AbortSignal },
): Promise<LogChunk> {
  await refuseUnknown(call, filter, signal);
  const { logs } = call.deps;
  if (range.from === "after") return logs.read(filter, range, signal);
  // An invalid pattern is reported even if no previous line is requested.
  const found = await logs.tail(filter, Math.max(1, range.tail), signal);
  return range.tail === 0 ? { ...found, lines: [], reached: null } : found;
}

/**
 * Refuses a release and services that are unknown. The output of builds is that of a service `build`. A service that was removed is
 * known for as long as there are lines of it, or a search for them is not finished.
 */
async function refuseUnknown(
  call: Call,
  { key, services = [], release: number }: LogFilter,
  signal: AbortSignal,
): Promise<void> {
  const release = await newestRelease(call, await environmentOf(call, key));
  if (number !== undefined && (await call.deps.journal.releases.find(key, number)) === null)
    throw new Fault("release.unknown", `${keyText(key)} has no release ${releaseName(number)}`);
  for (const name of services) {
    if ((release && serviceOf(release, name)) || name === "build") continue;
    const { lines, reached } = await call.deps.logs.tail({ key, services: [name] }, 1, signal);
    if (lines.length > 0 || reached !== null) continue;
    throw new Fault("service.unknown", `${keyText(key)} has no service ${name}, nor lines of one`);
  }
}

/**
 * The last `tail` lines, or those after a sequence, then new ones, in batches, until `signal`. The promise resolves
 * after the first check, so that faults come before the stream begins.
 */
export async function followLogs(
  call: Call,
  filter: LogFilter,
  { start, signal }: { start: { tail: number } | { after: number }; signal: AbortSignal },
): Promise<AsyncGenerator<LogChunk>> {
  const range: LogRange =
    "after" in start ? { from: "after", after: start.after, limit: batchLines } : { from: "end", tail: start.tail };
  return goOn(call, filter, { first: await firstChunk(call, filter, { range, signal }), signal });
}

/** Continuing after a sequence omits nothing, however often a search is cut short. */
async function firstChunk(
  call: Call,
  filter: LogFilter,
  how: { range: LogRange; signal: AbortSignal },
): Promise<LogChunk> {
  const first = await readLogs(call, filter, how);
  return how.range.from === "after" ? { ...first, reached: null } : first;
}

async function* goOn(
  { deps: { logs, clock } }: Call,
  filter: LogFilter,
  { first, signal }: { first: LogChunk; signal: AbortSignal },
): AsyncGenerator<LogChunk> {
  const wakeup = new Wakeup(clock, signal);
  const leave = logs.appended((key) => isOf(filter, key) && wakeup.ring());
  try {
    for (let chunk = first; !signal.aborted; ) {
      if (chunk.lines.length > 0 || chunk.reached !== null) yield chunk;
      const before = chunk.next;
      chunk = { ...(await logs.read(filter, { after: before, limit: batchLines }, signal)), reached: null };
      if (chunk.lines.length === 0 && chunk.next === before) await wakeup.wait(lookAnywayMs);
    }
  } finally {
    leave();
  }
}

function isOf(filter: LogFilter, key: EnvKey): boolean {
  return sameKey(filter.key, key);
}
