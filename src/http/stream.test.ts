import { expect, test } from "vitest";
import { wallClock } from "../testing/clock.ts";
import { byteStream, eventStream, type Message } from "./stream.ts";

/** A source of messages or bytes that waits until it is told to stop, as logs do between two lines. */
async function* quiet(stop: AbortController, onWait = () => {}): AsyncGenerator<never> {
  onWait();
  await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
}

test("a client that leaves an event stream is no failure", async () => {
  const failures: object[] = [];
  const log = { info: () => undefined, error: (what: object) => void failures.push(what) };
  const stop = new AbortController();
  let waits = false;
  let ended = false;
  async function* messages(): AsyncGenerator<Message> {
    try {
      yield { event: "log", data: 1 };
      yield* quiet(stop, () => {
        waits = true;
      });
    } finally {
      ended = true;
    }
  }
  const reader = eventStream(messages(), { deps: { clock: wallClock, log }, stop }).body?.getReader();
  for (let read = 0; read < 2; read += 1) await reader?.read();
  const pending = reader?.read();
  await expect.poll(() => waits).toBe(true);
  await reader?.cancel();
  expect(await pending).toMatchObject({ done: true });
  await expect.poll(() => ended).toBe(true);
  // What the stream still does about its source's end, it does before the next turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  expect(failures).toEqual([]);
});

test("a fault on the way is written down and told as the last message", async () => {
  const failures: object[] = [];
  const log = { info: () => undefined, error: (what: object) => void failures.push(what) };
  // biome-ignore lint/correctness/useYield: it fails before its first message
  async function* messages(): AsyncGenerator<Message> {
    throw new TypeError("the store is closed");
  }
  const response = eventStream(messages(), { deps: { clock: wallClock, log }, stop: new AbortController() });
  const text = await response.text();
  expect(text).toContain("event: fault");
  expect(text).toContain("operation.failed");
  expect(text).not.toContain("the store is closed");
  expect(failures).toHaveLength(1);
});

test("a client that leaves a byte stream stops its source", async () => {
  const stop = new AbortController();
  const reader = byteStream(quiet(stop), stop).body?.getReader();
  const pending = reader?.read();
  await reader?.cancel();
  expect(await pending).toMatchObject({ done: true });
  expect(stop.signal.aborted).toBe(true);
});
