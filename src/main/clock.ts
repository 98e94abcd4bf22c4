import type { SteadyClock } from "../ports/clock.ts";

/** The machine's own time. */
export const systemClock: SteadyClock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  after(ms, then) {
    // Node fires timers beyond 2^31 ms at once.
    const timer = setTimeout(then, Math.min(ms, 2 ** 31 - 1));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
