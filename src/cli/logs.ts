import { parseDuration } from "../base/duration.ts";
import { Fault } from "../base/faults.ts";
import { plainJson } from "../base/printable.ts";
import type { Client } from "../client/client.ts";
import { waitFor } from "../client/events.ts";
import type { LogBatchView, LogQuery, StoredLogView } from "../contract/logs.ts";
import type { EnvKey } from "../model/environment.ts";
import { shortName } from "./names.ts";
import { harmless, paintFor } from "./paint.ts";

/** A moment as RFC 3339, from the same or from a duration before now. Faults: `usage.invalid`, naming the flag. */
export function moment(flag: string, text: string, now: number): string {
  const ago = parseDuration(text);
  const at = ago !== null ? now - ago : /^\d{4}-\d\d-\d\d(?:T.+)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(at)) return new Date(at).toISOString();
  throw new Fault("usage.invalid", `${flag} must be a duration like 1h or a time like 2026-01-31T12:00:00Z`);
}

/** Existing lines: the last ones, or without a number all since a time, page by page. */
export async function* readAllLogs(api: Client, key: EnvKey, query: LogQuery): AsyncGenerator<LogBatchView, void> {
  if (query.since === undefined || query.tail !== undefined) {
    yield await api.call("logs", { params: key, query: { ...query, tail: query.tail ?? 100 } });
    return;
  }
  for (let after = 0; ; ) {
    const { lines, next, reached } = await api.call("logs", { params: key, query: { ...query, after, limit: 10_000 } });
    yield { lines };
    if ((lines.length === 0 && reached === undefined) || next <= after) return;
    after = next;
  }
}

/** How often to ask again for the lines of an environment that does not exist yet. */
const askAgainMs = 500;

/** Lines as they come. Waits for an environment that does not exist yet, after a call of `waiting`, if there is one. */
export async function* followLines(
  api: Client,
  key: EnvKey,
  { query, waiting }: { readonly query: LogQuery; readonly waiting?: () => void },
): AsyncGenerator<LogBatchView, void> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      for await (const { data } of api.stream("logStream", { params: key, query })) yield data;
      return;
    } catch (error) {
      if (waiting === undefined || !(error instanceof Fault) || error.code !== "app.unknown") throw error;
    }
    if (isFirst) waiting();
    await waitFor(askAgainMs);
  }
}

/** The note on a search that took too long, or found too much at once. */
export function cutShort(reached: string): string {
  return `Incomplete: lines before ${reached} were not searched. Narrow it with --since, --until, --level or services.`;
}

export interface LineOptions {
  readonly key: EnvKey;
  readonly json: boolean;
  readonly timestamps: boolean;
  readonly prefix: boolean;
  readonly colour: boolean;
}

/** One line of `fairlead logs`. */
export function logLine(line: StoredLogView, { key, json, timestamps, prefix, colour }: LineOptions): string {
  if (json) {
    const { sequence: _place, ...view } = line;
    return plainJson(view);
  }
  const paint = paintFor(colour);
  const bad = line.level === "error" || line.level === "fatal";
  const message = harmless(line.message, paint);
  return [
    ...(timestamps ? [paint.dim(line.time)] : []),
    ...(prefix ? [`${paint.cyan(shortName(line.instance, key))} ${paint.dim("|")}`] : []),
    bad ? paint.red(message) : message,
  ].join(" ");
}
