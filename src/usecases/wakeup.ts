import type { Clock } from "../ports/clock.ts";

/** Wakes a waiting reader. A wakeup without a waiting reader is kept for the next wait. */
export class Wakeup {
  readonly #clock: Clock;
  #rung = false;
  #wake: (() => void) | null = null;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    signal.addEventListener("abort", () => this.ring(), { once: true });
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Waits until the next wakeup, or at most `ms`. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const callOff = this.#clock.after(ms, resolve);
        this.#wake = () => {
          callOff();
          resolve();
        };
      });
    }
    this.#wake = null;
    this.#rung = false;
  }
}

/** How often a reader checks without a report: a lost report delays it this much, but never stops the stream. */
export const lookAnywayMs = 5_000;
