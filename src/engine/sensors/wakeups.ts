import type { Clock } from "../../ports/clock.ts";

/** The most that is done in one wake-up: so much at once keeps nobody else waiting for more than a few milliseconds. */
const mostAtOnce = 16;

interface Wakeup {
  readonly at: number;
  readonly work: Set<() => void>;
  readonly cancel: () => void;
}

/**
 * Timers that may fire together. A process that is mostly asleep pays more for waking up than for what it then does: ten
 * questions asked at once cost a quarter of ten asked at ten times.
 */
export class Wakeups {
  readonly #clock: Clock;
  readonly #planned = new Set<Wakeup>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does it after this time, or up to `soonerMs` sooner when something else is done then; never later. The answer takes it back. */
  after({ ms, soonerMs }: { readonly ms: number; readonly soonerMs: number }, then: () => void): () => void {
    const wakeup = this.#found(ms, soonerMs) ?? this.#plan(ms);
    // Of its own, so that the same work can be planned twice.
    const own = () => then();
    wakeup.work.add(own);
    return () => {
      if (!wakeup.work.delete(own) || wakeup.work.size > 0) return;
      wakeup.cancel();
      this.#planned.delete(wakeup);
    };
  }

  /** The last one that is early enough. After a jump of the clock none may be found, which only costs what it saves. */
  #found(ms: number, soonerMs: number): Wakeup | undefined {
    const now = this.#clock.now();
    let last: Wakeup | undefined;
    for (const wakeup of this.#planned) {
      const fits = wakeup.at > now && wakeup.at <= now + ms && wakeup.at >= now + ms - soonerMs;
      if (fits && wakeup.work.size < mostAtOnce && wakeup.at > (last?.at ?? 0)) last = wakeup;
    }
    return last;
  }

  #plan(ms: number): Wakeup {
    const work = new Set<() => void>();
    const cancel = this.#clock.after(ms, () => {
      this.#planned.delete(wakeup);
      for (const one of work) one();
    });
    const wakeup: Wakeup = { at: this.#clock.now() + ms, work, cancel };
    this.#planned.add(wakeup);
    return wakeup;
  }
}
