/** Runs pieces of work under one name one after the other; different names run in parallel. */
export class Serial {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    const mine = before.then(work);
    // The caller gets the fault; the next piece only needs to know that this one has ended.
    const tail = Promise.allSettled([mine]);
    this.#tails.set(name, tail);
    void tail.then(() => {
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    });
    return mine;
  }

  /** Resolves when nothing is running or waiting. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}

/** The same with one queue. */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  const serial = new Serial();
  return (work) => serial.run("", work);
}
