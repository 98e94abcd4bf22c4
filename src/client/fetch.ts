import { Fault } from "../base/faults.ts";
import type { HttpAnswer, HttpRequest, Transport } from "./transport.ts";

/** A function like the one that browsers have. */
export type Fetch = (request: Request) => Promise<Response>;

/**
 * By `fetch`, as in a browser: to the controller that served the page, or to the one at `url`. What a page shows who
 * asks (a cookie, a token) is given by `fetch` itself.
 */
export function fetchTransport(url: string, fetch: Fetch = (request) => globalThis.fetch(request)): Transport {
  const lost = (cause: unknown) =>
    new Fault("controller.unreachable", `no answer from the controller at ${url}`, { cause });
  const exchange = async ({ method, path, headers, body, signal }: HttpRequest): Promise<HttpAnswer> => {
    const type = typeof body === "string" ? { "content-type": "application/json" } : {};
    const content = typeof body === "object" ? streamOf(body) : body;
    const init = { method, ...(signal && { signal }), headers: { accept: "application/json", ...type, ...headers } };
    // A body that is a stream wants to be told that nothing is read before it is sent (Fetch standard, 5.3).
    const request = new Request(new URL(path, url), { ...init, ...(content && { body: content, duplex: "half" }) });
    try {
      const response = await fetch(request);
      const header = (name: string) => response.headers.get(name);
      return { status: response.status, header, body: chunksOf(response, lost) };
    } catch (error) {
      throw signal?.aborted ? signal.reason : lost(error);
    }
  };
  return { place: url, exchange };
}

function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const each = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(out) {
      const step = await each.next();
      if (step.done) out.close();
      else out.enqueue(step.value);
    },
  });
}

/** Not every browser can iterate over a stream itself. */
async function* chunksOf({ body }: Response, lost: (cause: unknown) => Fault): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  if (reader === undefined) return;
  let isOpen = true;
  try {
    while (isOpen) {
      const step = await reader.read().catch((error: unknown) => {
        isOpen = false;
        throw lost(error);
      });
      isOpen = !step.done;
      if (!step.done) yield step.value;
    }
  } finally {
    if (isOpen) await reader.cancel();
  }
}
