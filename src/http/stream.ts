import { plainJson } from "../base/printable.ts";
import type { ApiDeps } from "./exchange.ts";
import { problemOf } from "./problem.ts";

/** A comment line at least this often, so that nothing between takes a quiet stream for a dead one. */
const pingMs = 15_000;
/** How long a client waits before it comes back. */
const retryMs = 1_000;

/** One message of a stream. Without an id the client's place stays where it is. */
export interface Message {
  readonly event: string;
  readonly id?: number;
  readonly data: unknown;
}

/** A signal that ends with the request or when the returned stream is no longer read. */
export function linked(request: Request): AbortController {
  const controller = new AbortController();
  if (request.signal.aborted) controller.abort();
  else request.signal.addEventListener("abort", () => controller.abort(), { once: true });
  return controller;
}

/**
 * Server-sent events (WHATWG HTML, section 9.2). A fault on the way becomes a last message `fault`, since the status has
 * been sent by then. `stop` is told when nobody reads any more.
 */
export function eventStream(
  messages: AsyncGenerator<Message>,
  { deps, stop }: { deps: Pick<ApiDeps, "clock" | "log">; stop: AbortController },
): Response {
  const encoder = new TextEncoder();
  // Nothing may be written to a stream whose reader has gone, not even its end (WHATWG Streams, 4.2.4).
  let left = false;
  let pending: Promise<IteratorResult<Message, unknown>> | null = null;
  const body = new ReadableStream<Uint8Array>({
    start: (out) => out.enqueue(encoder.encode(`retry: ${retryMs}\n\n`)),
    async pull(out) {
      try {
        pending ??= messages.next();
        const step = await soonest(pending, deps);
        if (left) return;
        if (step === null) return out.enqueue(encoder.encode(": ping\n\n"));
        pending = null;
        if (step.done) return out.close();
        out.enqueue(encoder.encode(encodeMessage(step.value)));
      } catch (thrown) {
        if (left) return;
        deps.log.error({ err: thrown }, "a stream was interrupted");
        const { code, detail, hint } = problemOf(thrown, { path: "", requestId: "" });
        out.enqueue(encoder.encode(encodeMessage({ event: "fault", data: { code, detail, hint } })));
        out.close();
      }
    },
    async cancel() {
      left = true;
      stop.abort();
      await messages.return(undefined);
    },
  });
  const headers = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };
  return new Response(body, { headers });
}

/** The next message, or null when a ping is due first. */
async function soonest<Step>(pending: Promise<Step>, { clock }: Pick<ApiDeps, "clock">): Promise<Step | null> {
  let callOff = () => {};
  const ping = new Promise<null>((resolve) => {
    callOff = clock.after(pingMs, () => resolve(null));
  });
  try {
    return await Promise.race([pending, ping]);
  } finally {
    callOff();
  }
}

/** JSON has no line breaks of its own, so one data line is enough. */
function encodeMessage({ event, id, data }: Message): string {
  const place = id === undefined ? "" : `id: ${id}\n`;
  return `event: ${event}\n${place}data: ${plainJson(data)}\n\n`;
}

/** Raw bytes as they come. */
export function byteStream(bytes: AsyncGenerator<Uint8Array>, stop: AbortController): Response {
  let left = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(out) {
      const step = await bytes.next();
      if (left) return;
      if (step.done) out.close();
      else out.enqueue(step.value);
    },
    async cancel() {
      left = true;
      stop.abort();
      await bytes.return(undefined);
    },
  });
  return new Response(body, { headers: { "content-type": "application/octet-stream", "cache-control": "no-store" } });
}
