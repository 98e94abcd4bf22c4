import type { z } from "zod";
import type { LogBatch, logStreamQuery, logsQuery } from "../../contract/logs.ts";
import type { EnvKey } from "../../model/environment.ts";
import type { Event } from "../../model/event.ts";
import type { LogFilter } from "../../model/log.ts";
import { parseReleaseName } from "../../model/release.ts";
import { readAudit } from "../../usecases/audit.ts";
import { followEvents, listEvents } from "../../usecases/events.ts";
import { followLogs, type LogChunk, readLogs } from "../../usecases/logs.ts";
import { resumePoint } from "../decode.ts";
import { auditView, eventView, logView, timeText } from "../encode.ts";
import { type Handlers, keyOf } from "../exchange.ts";
import { eventStream, linked, type Message } from "../stream.ts";

/** Lines of a log answer when the request does not say. */
const defaultTail = 100;

export const recordHandlers = {
  logs: async ({ call, params, query, request }) => {
    const { after, limit, tail = defaultTail } = query;
    const range = after === undefined ? ({ from: "end", tail } as const) : ({ from: "after", after, limit } as const);
    const { signal } = linked(request);
    const { next, ...found } = await readLogs(call, filterOf(keyOf(params), query), { range, signal });
    return { json: { ...batchView(found), next } };
  },
  logStream: async ({ call, deps, params, query, request }) => {
    const after = resumePoint(request, query.after);
    const start = after === null ? { tail: query.tail } : { after };
    const stop = linked(request);
    const chunks = await followLogs(call, filterOf(keyOf(params), query), { start, signal: stop.signal });
    return eventStream(logMessages(chunks), { deps, stop });
  },
  events: async ({ call, params, query }) => {
    const events = await listEvents(call, keyOf(params), query);
    return { json: { items: events.map(eventView), next: events.at(-1)?.id ?? query.after } };
  },
  eventStream: async ({ call, deps, params, query, request }) => {
    const after = resumePoint(request, query.after);
    const stop = linked(request);
    const events = await followEvents(call, keyOf(params), { after, signal: stop.signal });
    return eventStream(eventMessages(events), { deps, stop });
  },
  audit: async ({ call, query }) => {
    const { app, environment, since, limit, cursor } = query;
    const key = app === undefined || environment === undefined ? null : { app, environment };
    const order = { key, since: since === undefined ? null : Date.parse(since), limit, cursor };
    const { items, next } = await readAudit(call, order);
    return { json: { items: items.map(auditView), nextCursor: next } };
  },
} satisfies Partial<Handlers>;

type Filtering = Omit<z.output<typeof logsQuery> | z.output<typeof logStreamQuery>, "tail" | "after" | "limit">;

function filterOf(key: EnvKey, query: Filtering): LogFilter {
  const { service, release, instance, level, since, until, grep } = query;
  const number = release === undefined ? null : parseReleaseName(release);
  return {
    key,
    ...(service !== undefined && { services: [service].flat() }),
    ...(number !== null && { release: number }),
    ...(instance !== undefined && { instance }),
    ...(level !== undefined && { level }),
    ...(since !== undefined && { since: Date.parse(since) }),
    ...(until !== undefined && { until: Date.parse(until) }),
    ...(grep !== undefined && { grep }),
  };
}

async function* logMessages(chunks: AsyncGenerator<LogChunk>): AsyncGenerator<Message> {
  for await (const { next, ...found } of chunks) yield { event: "lines", id: next, data: batchView(found) };
}

function batchView({ lines, reached }: Pick<LogChunk, "lines" | "reached">): LogBatch {
  return { lines: lines.map(logView), ...(reached !== null && { reached: timeText(reached) }) };
}

async function* eventMessages(events: AsyncGenerator<Event>): AsyncGenerator<Message> {
  for await (const event of events) yield { event: "event", id: event.id, data: eventView(event) };
}
