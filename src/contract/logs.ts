import { z } from "zod";
import { environmentPath } from "./paths.ts";
import type { Frozen, Routes, ViewOf } from "./route.ts";
import { name, releaseNameSchema, releaseReference, time } from "./scalars.ts";

export const logLevel = z.enum(["trace", "debug", "info", "warn", "error", "fatal"]);

/** One object of `logs --json`. */
export const logView = z
  .object({
    time,
    service: z.string(),
    instance: z.string(),
    release: releaseNameSchema,
    stream: z.enum(["stdout", "stderr"]),
    level: logLevel.nullable(),
    message: z.string(),
  })
  .meta({ id: "LogLine" });
export type LogView = ViewOf<typeof logView>;

export const storedLogView = logView
  .extend({ sequence: z.int().describe("Its position in the environment's log; increases.") })
  .meta({ id: "StoredLogLine" });
export type StoredLogView = ViewOf<typeof storedLogView>;

const services = z
  .union([name, z.array(name).max(50)])
  .optional()
  .describe("May be repeated.");

const filter = {
  service: services,
  since: time.optional(),
  until: time.optional(),
  grep: z.string().min(1).max(500).optional().describe("A regular expression without backtracking (RE2)."),
  level: logLevel.optional().describe("Minimum level; lines without one count as info."),
  release: releaseReference.optional(),
  instance: z.string().min(1).max(250).optional(),
};

const sequence = z.coerce.number<number>().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const logsQuery = z.strictObject({
  ...filter,
  tail: z.coerce
    .number<number>()
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe("Number of last lines; 100 if `after` is not given."),
  after: sequence.optional().describe("Lines after this sequence, instead of the last ones."),
  limit: z.coerce
    .number<number>()
    .int()
    .min(1)
    .max(10_000)
    .default(1_000)
    .describe("Maximum number of lines with `after`."),
});

/** Which lines are asked for. */
export type LogQuery = Frozen<z.input<typeof logsQuery>>;

export const logStreamQuery = z.strictObject({
  ...filter,
  tail: z.coerce
    .number<number>()
    .int()
    .min(0)
    .max(10_000)
    .default(100)
    .describe("Number of previous lines to send first, unless `after` is given."),
  after: sequence.optional().describe("Continue after this sequence; the header Last-Event-ID takes precedence."),
});

const reached = time
  .optional()
  .describe(
    "The search took too long, or found too much at once, and ended here: lines beyond were not searched. Omitted if all were.",
  );

export const logPage = z
  .object({
    lines: z.array(storedLogView),
    next: z.int().describe("Value of `after` for the next request."),
    reached,
  })
  .meta({ id: "LogPage" });

/** Data of a message `lines` of a log stream; the message's id is where to go on. */
export const logBatchView = z.object({ lines: z.array(storedLogView), reached }).meta({ id: "LogBatch" });
export type LogBatchView = ViewOf<typeof logBatchView>;

export const logRoutes = {
  logs: {
    method: "get",
    path: `${environmentPath}/logs`,
    action: "read",
    status: 200,
    query: logsQuery,
    answer: logPage,
    summary: "Log lines, oldest first",
  },
  logStream: {
    method: "get",
    path: `${environmentPath}/logs/stream`,
    action: "read",
    status: 200,
    query: logStreamQuery,
    media: "text/event-stream",
    messages: { lines: logBatchView },
    summary: "Live log lines: messages `lines` (LogBatch); resumes after Last-Event-ID",
  },
} as const satisfies Routes;
