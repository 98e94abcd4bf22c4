import type { SteadyClock } from "../ports/clock.ts";

/** Time as it is. */
export const wallClock: SteadyClock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms).unref();
    return () => clearTimeout(timer);
  },
};
