import type { Clock } from "../ports/clock.ts";

/** Wakes a reader that waits for something to happen. A ring while nobody waits is kept for the next wait. */
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

  /** Until the next ring, or at most `ms`. */
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

/** How often a reader looks although nothing was reported: a lost report costs this much, never the stream. */
export const lookAnywayMs = 5_000;
