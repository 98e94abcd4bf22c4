import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LogFilter } from "../../../model/log.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { LogStore } from "../../../ports/logs.ts";
import { aLine } from "../../../testing/conformance/logs.ts";
import { openLogs } from "./open.ts";

const key = { app: "shop", environment: "production" };
const clock: Clock = { now: () => 0, after: () => () => {} };
const services = ["web", "worker", "clock"];
let directory: string;
let store: LogStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-search-"));
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

/** A store with so many lines of three services; each hundredth has a needle. */
async function stored(count: number, options: { searchMs?: number } = {}): Promise<void> {
  store = await openLogs(join(directory, "logs.db"), clock, options);
  const lines = Array.from({ length: count }, (_, i) => {
    const message = `${i % 100 === 0 ? "needle" : "hay"} ${i} ${"x".repeat(200)}`;
    return aLine(message, { at: i, service: services[i % 3] ?? "web" });
  });
  await store.append({ key, origin: { name: "web-0", stream: "stdout" }, lines, offset: count });
}

test("a search holds up nothing else of the process", async () => {
  await stored(60_000);
  await store.tail({ key }, 1); // the thread is there
  let [turns, isDone] = [0, false];
  const searched = store.tail({ key, grep: "(n|e)+dle 1$" }, 10_000).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    turns += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await searched).toEqual({ lines: [], next: 60_000, reached: null });
  expect(turns).toBeGreaterThan(200);
});

test("a search whose time is over says how far it came; who goes on from there leaves nothing out", async () => {
  await stored(20_000, { searchMs: 0 });
  const filter: LogFilter = { key, grep: "needle" };
  const newest = await store.tail(filter, 1_000);
  expect(newest.reached).toBeGreaterThan(1_000);
  const complete = newest.lines.filter(({ at }) => at > (newest.reached ?? 0));
  expect(complete.map(({ at }) => at)).toEqual(
    Array.from({ length: 200 }, (_, i) => i * 100).filter((at) => at > (newest.reached ?? 0)),
  );
  const found: number[] = [];
  let searches = 0;
  for (let after = 0; after < 20_000; searches += 1) {
    const { lines, next } = await store.read(filter, { after, limit: 1_000 });
    found.push(...lines.map(({ at }) => at));
    after = next;
  }
  expect(found).toEqual(Array.from({ length: 200 }, (_, i) => i * 100));
  expect(searches).toBeGreaterThan(5);
});

test("a search ends with whoever asked for it, and with the store", async () => {
  await stored(20_000);
  const stop = new AbortController();
  const asked = store.read({ key, grep: "h[a]y" }, { after: 0, limit: 10_000 }, stop.signal);
  stop.abort();
  const { lines, reached } = await asked;
  expect(lines.length).toBeLessThan(10_000);
  expect(reached).not.toBeNull();
  const late = store.read({ key, grep: "h[a]y" }, { after: 0, limit: 10_000 });
  await Promise.all([expect(late).rejects.toMatchObject({ code: "operation.failed" }), store.close()]);
});

test("searches take turns: a long one does not hold up a short one", async () => {
  await stored(60_000);
  await store.tail({ key }, 1);
  const order: string[] = [];
  const long = store.tail({ key, grep: "n[o]ne" }, 10_000).then(() => order.push("long"));
  const short = store.tail({ key }, 1).then(() => order.push("short"));
  await Promise.all([long, short]);
  expect(order).toEqual(["short", "long"]);
});

test("an answer has a limit of size, and who goes on from there leaves nothing out", async () => {
  store = await openLogs(join(directory, "logs.db"), clock);
  const lines = Array.from({ length: 900 }, (_, i) => aLine("x".repeat(16_000), { at: i }));
  await store.append({ key, origin: { name: "web-0", stream: "stdout" }, lines, offset: 1 });
  const newest = await store.tail({ key }, 10_000);
  expect(newest.lines.length).toBeLessThan(300);
  expect(newest.lines.at(-1)?.at).toBe(899);
  expect(newest.reached).toBe(newest.lines[0]?.at);
  const found: number[] = [];
  for (let after = 0; after < 900; ) {
    const page = await store.read({ key }, { after, limit: 10_000 });
    found.push(...page.lines.map(({ at }) => at));
    after = page.next;
  }
  expect(found).toEqual(lines.map(({ at }) => at));
});
