import type { Clock } from "../../ports/clock.ts";

/** Maximum work per wake-up: it delays others by only a few milliseconds. */
const mostAtOnce = 16;

interface Wakeup {
  readonly at: number;
  readonly work: Set<() => void>;
  readonly cancel: () => void;
}

/**
 * Timers that may fire together. For a mostly idle process, waking up costs more than the work: ten probes at once cost
 * a quarter of ten separate ones.
 */
export class Wakeups {
  readonly #clock: Clock;
  readonly #planned = new Set<Wakeup>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs it after this time, or up to `soonerMs` earlier with other work. The returned function cancels it. */
  after({ ms, soonerMs }: { readonly ms: number; readonly soonerMs: number }, then: () => void): () => void {
    const wakeup = this.#found(ms, soonerMs) ?? this.#plan(ms);
    // A new object, so that the same work can be scheduled twice.
    const own = () => then();
    wakeup.work.add(own);
    return () => {
      if (!wakeup.work.delete(own) || wakeup.work.size > 0) return;
      wakeup.cancel();
      this.#planned.delete(wakeup);
    };
  }

  /** The last one that is early enough. After a clock jump there may be none, which only loses the saving. */
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
