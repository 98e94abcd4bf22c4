import { createParser } from "eventsource-parser";
import { backoff } from "../base/backoff.ts";
import { Fault, isMistake } from "../base/faults.ts";
import { type HttpAnswer, type HttpRequest, problemFault } from "./transport.ts";

/** One message of a stream. `event` is `message` where the server names none (WHATWG HTML section 9.2). */
export interface StreamMessage {
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

/** The server sends `: ping` every 15 s; three missed ones mean a dead connection that nobody closed. */
const silenceMs = 45_000;
/** How long to go on trying to connect again before the controller counts as gone. */
const patienceMs = 120_000;
/** A stream that breaks off with a fault is retried so often; then the fault is the caller's. */
const faultLimit = 5;
const bufferLimit = 16 * 1024 * 1024;

export interface StreamOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether the stream is over when the server closes it; else a close counts as a lost connection. */
  readonly isComplete?: () => boolean;
}

type Send = (request: HttpRequest) => Promise<HttpAnswer>;

/**
 * Messages of a server-sent event stream, without a gap: a lost connection is opened again after the last message seen.
 * It ends when it is complete, when the reader stops, or when the signal fires. Faults: what the server refuses, and `controller.unreachable` after
 * two minutes without a connection.
 */
export async function* streamMessages(send: Send, path: string, options: StreamOptions): AsyncGenerator<StreamMessage> {
  let lastId: string | null = null;
  let tries = 0;
  let faults = 0;
  let lostAt: number | null = null;
  for (;;) {
    const silence = new AbortController();
    const signal = AbortSignal.any([silence.signal, ...(options.signal ? [options.signal] : [])]);
    const answer: HttpAnswer | null = await connect(send, { path, signal }, lastId).catch((error: unknown) => {
      const gaveUp = lostAt === null || performance.now() - lostAt > patienceMs;
      if (gaveUp || !isUnreachable(error) || options.signal?.aborted) throw error;
      return null;
    });
    if (answer !== null) {
      for await (const message of messagesOf(answer, () => silence.abort())) {
        if (message.event === "fault") {
          faults += 1;
          if (faults > faultLimit) throw faultOf(message);
          break;
        }
        tries = 0;
        lostAt = null;
        lastId = message.id ?? lastId;
        yield message;
      }
    }
    options.signal?.throwIfAborted();
    if (options.isComplete?.()) return;
    lostAt ??= performance.now();
    tries += 1;
    await waitFor(backoff(tries, { first: 100, limit: 5_000 }), options.signal);
  }
}

/** What a message `fault` tells: the end of a stream that could not go on. */
function faultOf({ data }: StreamMessage): Fault {
  return problemFault(500, data);
}

function isUnreachable(error: unknown): boolean {
  return error instanceof Fault && error.code === "controller.unreachable";
}

function connect(
  send: Send,
  call: { readonly path: string; readonly signal: AbortSignal },
  lastId: string | null,
): Promise<HttpAnswer> {
  const place = lastId === null ? {} : { "last-event-id": lastId };
  return send({ ...call, method: "GET", headers: { accept: "text/event-stream", ...place } });
}

/**
 * Messages of one connection, to its end or its loss, whichever comes: to the reader of a resumable stream both are one.
 * `hangUp` ends the connection when it is silent for too long.
 */
async function* messagesOf({ body }: HttpAnswer, hangUp: () => void): AsyncGenerator<StreamMessage> {
  const ready: StreamMessage[] = [];
  const parser = createParser({
    maxBufferSize: bufferLimit,
    onEvent: (event) => ready.push({ event: event.event ?? "message", id: event.id ?? null, data: event.data }),
  });
  const decoder = new TextDecoder();
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const silent = setTimeout(hangUp, silenceMs);
      const chunk = await chunks.next().catch(lost);
      clearTimeout(silent);
      if (chunk.done) return;
      parser.feed(decoder.decode(chunk.value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    await chunks.return?.();
  }
}

function lost(thrown: unknown): IteratorReturnResult<undefined> {
  if (isMistake(thrown)) throw thrown;
  return { done: true, value: undefined };
}

/** Waits, or throws the signal's reason as soon as it fires. */
export function waitFor(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
