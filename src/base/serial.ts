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

/** Runs one piece of work under a name at a time; who asks meanwhile gets its answer. */
export class SingleFlight {
  readonly #running = new Map<string, Promise<void>>();

  run(name: string, work: () => Promise<void>): Promise<void> {
    const running = this.#running.get(name);
    if (running) return running;
    const started = work().finally(() => this.#running.delete(name));
    this.#running.set(name, started);
    return started;
  }

  /** Resolves when what is under way under this name, or under any, is over; what came of it is for who asked. */
  async over(name?: string): Promise<void> {
    await Promise.allSettled(name === undefined ? this.#running.values() : [this.#running.get(name)]);
  }
}

/** Does something with every item, with at most `most` of them at a time. */
export async function inParallel<T>(items: readonly T[], most: number, act: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: most }, async () => {
      for (const item of queue) await act(item);
    }),
  );
}
