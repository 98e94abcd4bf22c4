import type { z } from "zod";
import type { LogBatchView, logRoutes, logStreamQuery, logsQuery, StoredLogView } from "../../contract/logs.ts";
import type { MessageOf } from "../../contract/route.ts";
import type { EnvKey } from "../../model/environment.ts";
import type { LogFilter, StoredLine } from "../../model/log.ts";
import { parseReleaseName, releaseName } from "../../model/release.ts";
import { followLogs, type LogChunk, readLogs } from "../../usecases/logs.ts";
import { resumePoint } from "../decode.ts";
import { timeText } from "../encode.ts";
import { envKeyOf, type HandlersOf } from "../exchange.ts";
import { eventStream, linked } from "../stream.ts";

/** Lines of a log answer when the request does not say. */
const defaultTail = 100;

export const logHandlers: HandlersOf<typeof logRoutes> = {
  logs: async ({ call, params, query, request }) => {
    const { after, limit, tail = defaultTail } = query;
    const range = after === undefined ? ({ from: "end", tail } as const) : ({ from: "after", after, limit } as const);
    const { signal } = linked(request);
    const { next, ...found } = await readLogs(call, filterOf(envKeyOf(params), query), { range, signal });
    return { json: { ...encodeBatch(found), next } };
  },
  logStream: async ({ call, deps, params, query, request }) => {
    const after = resumePoint(request, query.after);
    const start = after === null ? { tail: query.tail } : { after };
    const stop = linked(request);
    const chunks = await followLogs(call, filterOf(envKeyOf(params), query), { start, signal: stop.signal });
    return eventStream(messagesOf(chunks), { deps, stop });
  },
};

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

async function* messagesOf(chunks: AsyncGenerator<LogChunk>): AsyncGenerator<MessageOf<typeof logRoutes.logStream>> {
  for await (const { next, ...found } of chunks) yield { event: "lines", id: next, data: encodeBatch(found) };
}

function encodeBatch({ lines, reached }: Pick<LogChunk, "lines" | "reached">): LogBatchView {
  return { lines: lines.map(encodeLog), ...(reached !== null && { reached: timeText(reached) }) };
}

export function encodeLog({ at, release, ...line }: StoredLine): StoredLogView {
  const { sequence, service, instance, stream, level, message } = line;
  return { time: timeText(at), service, instance, release: releaseName(release), stream, level, message, sequence };
}
