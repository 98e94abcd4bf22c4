import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Clock } from "../../ports/clock.ts";
import { Wakeups } from "./wakeups.ts";

describe("wake-ups that are shared", () => {
  let timers = 0;
  const clock: Clock = {
    now: () => Date.now(),
    after(ms, then) {
      timers += 1;
      const timer = setTimeout(then, ms);
      return () => clearTimeout(timer);
    },
  };
  const done: string[] = [];
  const note = (what: string) => () => done.push(`${what} at ${Date.now()}`);
  let wakeups: Wakeups;

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    timers = 0;
    done.length = 0;
    wakeups = new Wakeups(clock);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("what may be done sooner is done with what comes before it", () => {
    wakeups.after({ ms: 600, soonerMs: 0 }, note("first"));
    wakeups.after({ ms: 1_000, soonerMs: 500 }, note("second"));
    vi.advanceTimersByTime(2_000);
    expect(done).toEqual(["first at 600", "second at 600"]);
    expect(timers).toBe(1);
  });

  test("nothing is done later than it was wanted, or sooner than it may be", () => {
    wakeups.after({ ms: 400, soonerMs: 0 }, note("too soon"));
    wakeups.after({ ms: 1_100, soonerMs: 0 }, note("too late"));
    wakeups.after({ ms: 1_000, soonerMs: 500 }, note("own"));
    vi.advanceTimersByTime(2_000);
    expect(done).toEqual(["too soon at 400", "own at 1000", "too late at 1100"]);
  });

  test("of several the last one that fits is chosen, and no more than sixteen meet", () => {
    wakeups.after({ ms: 700, soonerMs: 0 }, note("early"));
    for (let i = 0; i < 16; i += 1) wakeups.after({ ms: 900, soonerMs: 0 }, note("full"));
    wakeups.after({ ms: 1_000, soonerMs: 500 }, note("one more"));
    vi.advanceTimersByTime(2_000);
    expect(done.indexOf("one more at 700")).toBe(1);
    expect(timers).toBe(2);
  });

  test("what is taken back is not done, and the others are", () => {
    const cancelFirst = wakeups.after({ ms: 600, soonerMs: 0 }, note("first"));
    const cancelSecond = wakeups.after({ ms: 1_000, soonerMs: 500 }, note("second"));
    cancelFirst();
    vi.advanceTimersByTime(600);
    expect(done).toEqual(["second at 600"]);
    cancelSecond();
    wakeups.after({ ms: 100, soonerMs: 0 }, note("never"))();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a clock that jumps back or forth loses nothing", () => {
    wakeups.after({ ms: 1_000, soonerMs: 500 }, note("before"));
    vi.setSystemTime(-3_600_000);
    wakeups.after({ ms: 1_000, soonerMs: 500 }, note("after"));
    vi.setSystemTime(3_600_000);
    wakeups.after({ ms: 1_000, soonerMs: 500 }, note("later"));
    vi.advanceTimersByTime(1_000);
    expect(done.map((one) => one.split(" ")[0])).toEqual(["before", "after", "later"]);
  });
});
