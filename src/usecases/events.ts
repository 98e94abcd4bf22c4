import { type EnvKey, sameKey } from "../model/environment.ts";
import type { Event } from "../model/event.ts";
import { type Call, environmentOf } from "./access.ts";
import { lookAnywayMs, Wakeup } from "./wakeup.ts";

/** Maximum number of events read at once. */
const batchEvents = 200;

/** Events of an environment after an id, oldest first. Faults: `app.unknown`. */
export async function listEvents(
  call: Call,
  key: EnvKey,
  { after, limit }: { after: number; limit: number },
): Promise<readonly Event[]> {
  await environmentOf(call, key);
  return call.deps.journal.events.page({ key, after, limit });
}

/** Events after an id, or from now on, until `signal`. Faults, before anything is streamed: `app.unknown`. */
export async function followEvents(
  call: Call,
  key: EnvKey,
  { after, signal }: { after: number | null; signal: AbortSignal },
): Promise<AsyncGenerator<Event>> {
  await environmentOf(call, key);
  return goOn(call, key, { after: after ?? (await call.deps.journal.events.lastId()), signal });
}

async function* goOn(
  { deps: { journal, clock } }: Call,
  key: EnvKey,
  { after, signal }: { after: number; signal: AbortSignal },
): AsyncGenerator<Event> {
  const wakeup = new Wakeup(clock, signal);
  const leave = journal.committed((keys) => keys.some((one) => sameKey(one, key)) && wakeup.ring());
  try {
    for (let last = after; !signal.aborted; ) {
      const events = await journal.events.page({ key, after: last, limit: batchEvents });
      yield* events;
      last = events.at(-1)?.id ?? last;
      if (events.length < batchEvents) await wakeup.wait(lookAnywayMs);
    }
  } finally {
    leave();
  }
}

/** An event about an environment as a whole. */
export function configured(key: EnvKey, at: number, what: Pick<Event, "kind" | "detail">): Omit<Event, "id"> {
  return { at, key, deployment: null, subject: null, ...what };
}
