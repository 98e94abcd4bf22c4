import type { SteadyClock } from "../../ports/clock.ts";

interface Due {
  readonly at: number;
  readonly then: () => void;
}

/** Noon of the first of January 2030, UTC: a time that nobody takes for a small number. */
const beginning = 1_893_499_200_000;

/**
 * Time that passes only when it is told to. `elapsed` runs evenly; what `now` says may jump, as the clock of a machine
 * does, and pending calls do not care.
 */
export class SimulatedClock implements SteadyClock {
  #elapsed = 0;
  #skew = 0;
  readonly #due: Due[] = [];

  now(): number {
    return beginning + this.#elapsed + this.#skew;
  }

  steady(): number {
    return this.#elapsed;
  }

  /** Milliseconds that really went by. */
  get elapsed(): number {
    return this.#elapsed;
  }

  after(ms: number, then: () => void): () => void {
    const due: Due = { at: this.#elapsed + Math.max(0, ms), then };
    this.#due.splice(this.#placeOf(due.at), 0, due);
    return () => {
      const found = this.#due.indexOf(due);
      if (found >= 0) this.#due.splice(found, 1);
    };
  }

  /** When the next call is due, in elapsed milliseconds; null when there is none. */
  nextAt(): number | null {
    return this.#due[0]?.at ?? null;
  }

  /** Goes to the next call and makes it. */
  step(): void {
    const due = this.#due.shift();
    if (!due) return;
    this.#elapsed = Math.max(this.#elapsed, due.at);
    due.then();
  }

  /** Lets time pass in which nothing is due. */
  passTo(elapsed: number): void {
    this.#elapsed = Math.max(this.#elapsed, elapsed);
  }

  /** Sets the clock right again. */
  setRight(): void {
    this.#skew = 0;
  }

  /** Sets the clock forward, or with a negative number back. */
  jump(ms: number): void {
    this.#skew += ms;
  }

  /** Behind all calls due at the same time, so that equal times keep their order. */
  #placeOf(at: number): number {
    let low = 0;
    let high = this.#due.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#due[middle]?.at ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
