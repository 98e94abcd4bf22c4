/** Schedules work: at most so many at a time, and owners in turn, however often each asks. */
export class Turns {
  readonly #waiting = new Map<string, (() => void)[]>();
  #free: number;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Runs the work when it is the owner's turn. Work of one owner runs in the order of its requests. */
  async take<Result>(owner: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((go) => this.#waiting.set(owner, [...(this.#waiting.get(owner) ?? []), go]));
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #next(): void {
    const [first] = this.#waiting;
    if (!first) {
      this.#free += 1;
      return;
    }
    const [owner, [go, ...rest]] = first;
    this.#waiting.delete(owner);
    if (rest.length > 0) this.#waiting.set(owner, rest);
    go?.();
  }
}
