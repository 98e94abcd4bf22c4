import type { EventView, eventRoutes } from "../../contract/events.ts";
import type { MessageOf } from "../../contract/route.ts";
import type { Event } from "../../model/event.ts";
import { followEvents, listEvents } from "../../usecases/events.ts";
import { resumePoint } from "../decode.ts";
import { timeText } from "../encode.ts";
import { envKeyOf, type HandlersOf } from "../exchange.ts";
import { eventStream, linked } from "../stream.ts";

export const eventHandlers: HandlersOf<typeof eventRoutes> = {
  events: async ({ call, params, query }) => {
    const events = await listEvents(call, envKeyOf(params), query);
    return { json: { items: events.map(encodeEvent), next: events.at(-1)?.id ?? query.after } };
  },
  eventStream: async ({ call, deps, params, query, request }) => {
    const after = resumePoint(request, query.after);
    const stop = linked(request);
    const events = await followEvents(call, envKeyOf(params), { after, signal: stop.signal });
    return eventStream(messagesOf(events), { deps, stop });
  },
};

function encodeEvent({ id, at, key, kind, deployment, subject, detail }: Event): EventView {
  return { id, time: timeText(at), ...key, kind, deployment, subject, detail };
}

async function* messagesOf(events: AsyncGenerator<Event>): AsyncGenerator<MessageOf<typeof eventRoutes.eventStream>> {
  for await (const event of events) yield { event: "event", id: event.id, data: encodeEvent(event) };
}
