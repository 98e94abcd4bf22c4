import { expect, test } from "vitest";
import type { Clock } from "../ports/clock.ts";
import { Wakeup } from "./wakeup.ts";

/** Time that never passes: only a ring can wake. */
const still: Clock = { now: () => 0, after: () => () => {} };

test("a ring before the wait is not lost, and wakes once", async () => {
  const wakeup = new Wakeup(still, new AbortController().signal);
  wakeup.ring();
  await wakeup.wait(1);
  let woken = false;
  const second = wakeup.wait(1).then(() => {
    woken = true;
  });
  await Promise.resolve();
  expect(woken).toBe(false);
  wakeup.ring();
  await second;
});

test("whoever waits is woken by the end of the stream and by time", async () => {
  const stop = new AbortController();
  const waiting = new Wakeup(still, stop.signal).wait(1);
  stop.abort();
  await waiting;
  const soon: Clock["after"] = (_ms, then) => {
    queueMicrotask(then);
    return () => {};
  };
  await new Wakeup({ ...still, after: soon }, new AbortController().signal).wait(1);
});
