import { setImmediate as settle } from "node:timers/promises";
import { expect, test } from "vitest";
import { backoff } from "../base/backoff.ts";
import { Fault } from "../base/faults.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import { type ReconcileOutcome, Reconciler } from "./reconciler.ts";

/** A reconciler of keys, and what was seen of it. `answer` decides how a reconcile goes. */
function reconcilerOf(answer: (key: string) => ReconcileOutcome | Promise<ReconcileOutcome>) {
  const clock = new SimulatedClock();
  const seen: string[] = [];
  const warned: string[] = [];
  const reconciler = new Reconciler<string>({
    clock,
    nameOf: (key) => key,
    reconcile: async (key) => {
      seen.push(`${key} at ${clock.elapsed}`);
      return answer(key);
    },
    retryAfterMs: (tries) => backoff(tries, { first: 100, limit: 1_000 }),
    warn: (key, { detail }) => void warned.push(`${key} ${detail} at ${clock.elapsed}`),
  });
  const pass = async (ms: number) => {
    await settle();
    clock.after(ms, () => undefined);
    for (const end = clock.elapsed + ms; clock.elapsed < end; await settle()) clock.step();
  };
  return { reconciler, clock, seen, warned, pass };
}

const done: ReconcileOutcome = { kind: "done" };
const retry = (detail: string): ReconcileOutcome => ({ kind: "retry", fault: new Fault("operation.failed", detail) });

/** Answers that come when the test says so, by key. */
function gated() {
  const waiting = new Map<string, (outcome: ReconcileOutcome) => void>();
  const answer = (key: string) => new Promise<ReconcileOutcome>((resolve) => waiting.set(key, resolve));
  return { answer, open: (key: string, outcome = done) => waiting.get(key)?.(outcome) };
}

test("a key is reconciled once at a time, and once more for all triggers that came meanwhile; other keys go beside it", async () => {
  const gate = gated();
  const { reconciler, seen } = reconcilerOf(gate.answer);
  for (const key of ["a", "a", "b"]) reconciler.trigger(key);
  await settle();
  expect(seen).toEqual(["a at 0", "b at 0"]);
  for (let n = 0; n < 5; n += 1) reconciler.trigger("a");
  await settle();
  expect(seen).toHaveLength(2);
  for (let n = 0; n < 2; n += 1) {
    gate.open("a");
    await settle();
  }
  expect(seen).toEqual(["a at 0", "b at 0", "a at 0"]);
});

test("no more than 64 keys are reconciled at once, and each of the others has its turn", async () => {
  const gate = gated();
  const { reconciler, seen } = reconcilerOf(gate.answer);
  for (let n = 0; n < 100; n += 1) reconciler.trigger(`key-${n}`);
  await settle();
  expect(seen).toHaveLength(64);
  for (let n = 0; n < 100; n += 1, await settle()) gate.open(`key-${n}`);
  expect(new Set(seen).size).toBe(100);
});

test("exclusive work keeps its place between reconciles of its key, and a fault of it is its caller's", async () => {
  const gate = gated();
  const { reconciler, seen } = reconcilerOf(gate.answer);
  reconciler.trigger("a");
  const work = reconciler.exclusively("a", async () => void seen.push("work"));
  const failing = reconciler.exclusively("a", () => Promise.reject(new Fault("operation.failed", "no")));
  failing.catch(() => undefined);
  await settle();
  reconciler.trigger("a");
  gate.open("a");
  await work;
  await expect(failing).rejects.toThrow("no");
  await settle();
  expect(seen).toEqual(["a at 0", "work", "a at 0"]);
});

test("what failed is tried again later each time, what went well begins anew, and what is given up is left alone", async () => {
  const answers = [retry("x"), retry("x"), retry("x"), { kind: "again", afterMs: 50 } as const, retry("x"), done];
  const { reconciler, clock, seen, pass } = reconcilerOf(
    () => answers.shift() ?? { kind: "gave-up", fault: new Fault("operation.failed", "never") },
  );
  reconciler.trigger("a");
  await pass(5_000);
  expect(seen).toEqual(["a at 0", "a at 100", "a at 300", "a at 700", "a at 750", "a at 850"]);
  reconciler.trigger("a");
  await settle();
  expect([seen.length, clock.nextAt()]).toEqual([7, null]);
});

test("whatever a reconcile throws is a fault that is tried again", async () => {
  let thrown = false;
  const { reconciler, seen, warned, pass } = reconcilerOf(() => {
    if (thrown) return done;
    thrown = true;
    throw new TypeError("a bug");
  });
  reconciler.trigger("a");
  await pass(1_000);
  expect([seen, warned]).toEqual([["a at 0", "a at 100"], ["a a bug at 0"]]);
});

test("the same fault of a key is told every ten minutes, another one and one after an end at once", async () => {
  let answer = () => retry("away");
  const { reconciler, warned, pass } = reconcilerOf(() => answer());
  reconciler.trigger("a");
  await pass(599_000);
  expect(warned).toEqual(["a away at 0"]);
  await pass(2_000);
  expect(warned).toEqual(["a away at 0", "a away at 600500"]);
  answer = () => retry("full");
  await pass(1_000);
  expect(warned.at(-1)).toMatch(/^a full/);
  answer = () => {
    answer = () => retry("full");
    reconciler.trigger("a", 100);
    return done;
  };
  await pass(2_000);
  expect(warned.map((one) => one.split(" ")[1])).toEqual(["away", "away", "full", "full"]);
});

test("of several wishes the earliest counts, also beside what a reconcile asks for, and a jump of the clock moves none", async () => {
  const { reconciler, clock, seen, pass } = reconcilerOf(() => {
    if (seen.length > 1) return done;
    reconciler.trigger("a", 150);
    return { kind: "again", afterMs: 10_000 };
  });
  reconciler.trigger("a", 500);
  reconciler.trigger("a", 300);
  clock.jump(-3_600_000);
  reconciler.trigger("a", 900);
  await pass(60_000);
  expect(seen).toEqual(["a at 300", "a at 450"]);
});

test("what is closed waits for what is under way, begins nothing more and leaves no timer", async () => {
  const gate = gated();
  const { reconciler, clock, seen, warned } = reconcilerOf(gate.answer);
  reconciler.trigger("a");
  reconciler.trigger("b", 1_000);
  await settle();
  reconciler.trigger("a");
  let isClosed = false;
  const closed = reconciler.close().then(() => {
    isClosed = true;
  });
  reconciler.trigger("c");
  await settle();
  expect([isClosed, seen, clock.nextAt()]).toEqual([false, ["a at 0"], null]);
  gate.open("a", retry("too late"));
  await closed;
  await settle();
  expect([seen, warned, clock.nextAt()]).toEqual([["a at 0"], [], null]);
});
