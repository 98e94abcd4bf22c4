import { expect, test } from "vitest";
import type { Clock } from "../ports/clock.ts";
import { Bell } from "./bell.ts";

/** Time that never passes: only a ring can wake. */
const still: Clock = { now: () => 0, after: () => () => {} };

test("a ring before the wait is not lost, and wakes once", async () => {
  const bell = new Bell(still, new AbortController().signal);
  bell.ring();
  await bell.wait(1);
  let woken = false;
  const second = bell.wait(1).then(() => {
    woken = true;
  });
  await Promise.resolve();
  expect(woken).toBe(false);
  bell.ring();
  await second;
});

test("whoever waits is woken by the end of the stream and by time", async () => {
  const stop = new AbortController();
  const waiting = new Bell(still, stop.signal).wait(1);
  stop.abort();
  await waiting;
  const soon: Clock["after"] = (_ms, then) => {
    queueMicrotask(then);
    return () => {};
  };
  await new Bell({ ...still, after: soon }, new AbortController().signal).wait(1);
});
