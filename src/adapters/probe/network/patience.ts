/** So often it is looked whether this process was away. */
const sliceMs = 250;

/** A slice that ends later than this is waited for once more: what was to be sent in it may only now be sent … */
const awayMs = 50;
/** … but not forever on a machine that is always busy. */
const repeatsAtMost = 4;

/**
 * A timeout that counts only time in which this process ran: while it is busy, or the machine sleeps, it cannot read an
 * existing answer. So an instance always has the full time.
 */
export class Patience {
  readonly #over: () => void;
  #leftMs: number;
  #awayMs = 0;
  #dueAt = 0;
  #repeats = 0;
  #isEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, over: () => void) {
    this.#leftMs = ms;
    this.#over = over;
    this.#wait();
  }

  /** For how long this process was away so far, in milliseconds. */
  lateMs(): number {
    return this.#awayMs + Math.max(0, performance.now() - this.#dueAt);
  }

  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const ms = Math.min(sliceMs, this.#leftMs);
    this.#dueAt = performance.now() + ms;
    this.#timer = setTimeout(() => this.#look(ms), ms);
  }

  #look(ms: number): void {
    const lagMs = performance.now() - this.#dueAt;
    this.#awayMs += Math.max(0, lagMs);
    if (lagMs > awayMs && this.#repeats < repeatsAtMost) this.#repeats += 1;
    else this.#leftMs -= ms;
    if (this.#leftMs > 0) return this.#wait();
    this.#dueAt = performance.now();
    // What came in meanwhile is read first.
    setImmediate(() => {
      if (!this.#isEnded) this.#over();
    });
  }
}
