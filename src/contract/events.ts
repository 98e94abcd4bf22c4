import { z } from "zod";
import { environmentPath } from "./paths.ts";
import type { Routes, ViewOf } from "./route.ts";
import { time } from "./scalars.ts";

export const eventView = z
  .object({
    id: z.int(),
    time,
    app: z.string(),
    environment: z.string(),
    kind: z.string().describe("e.g. `deployment.phase`; new kinds may be added."),
    deployment: z.string().nullable(),
    subject: z.string().nullable(),
    detail: z.string(),
  })
  .meta({ id: "Event" });
export type EventView = ViewOf<typeof eventView>;

const id = z.coerce.number<number>().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const eventsQuery = z.strictObject({
  after: id.default(0).describe("Events after this id."),
  limit: z.coerce.number<number>().int().min(1).max(1_000).default(100),
});

export const eventStreamQuery = z.strictObject({
  after: id.optional().describe("Continue after this id (Last-Event-ID takes precedence). Default: only new events."),
});

export const eventPage = z
  .object({ items: z.array(eventView), next: z.int().describe("Value of `after` for the next request.") })
  .meta({ id: "EventPage" });
export type EventPage = ViewOf<typeof eventPage>;

export const eventRoutes = {
  events: {
    method: "get",
    path: `${environmentPath}/events`,
    action: "read",
    status: 200,
    query: eventsQuery,
    answer: eventPage,
    summary: "Events, oldest first",
  },
  eventStream: {
    method: "get",
    path: `${environmentPath}/events/stream`,
    action: "read",
    status: 200,
    query: eventStreamQuery,
    media: "text/event-stream",
    messages: { event: eventView },
    summary: "Live events: messages `event` (Event); resumes after Last-Event-ID",
  },
} as const satisfies Routes;
