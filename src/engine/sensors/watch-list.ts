import { type EnvKey, keyText } from "../../model/environment.ts";

interface Watched {
  readonly key: EnvKey;
  readonly name: string;
  /** Cancels its timers. */
  readonly cancel: () => void;
}

/** The subjects of a sensor, by environment and name. */
export class WatchList<One extends Watched> {
  readonly #environments = new Map<string, Map<string, One>>();

  of(key: EnvKey): readonly One[] {
    return [...(this.#environments.get(keyText(key))?.values() ?? [])];
  }

  find(key: EnvKey, name: string): One | undefined {
    return this.#environments.get(keyText(key))?.get(name);
  }

  /** Whether it is still watched: an answer may arrive too late. */
  has(one: One): boolean {
    return this.find(one.key, one.name) === one;
  }

  add(one: One): void {
    const mine = this.#environments.get(keyText(one.key)) ?? new Map<string, One>();
    this.#environments.set(keyText(one.key), mine.set(one.name, one));
  }

  /** Cancels and removes all others of an environment. */
  keep(key: EnvKey, names: ReadonlySet<string>): void {
    for (const one of this.of(key)) {
      if (names.has(one.name)) continue;
      one.cancel();
      this.#environments.get(keyText(key))?.delete(one.name);
    }
    if (this.#environments.get(keyText(key))?.size === 0) this.#environments.delete(keyText(key));
  }

  clear(): void {
    for (const mine of this.#environments.values()) for (const { cancel } of mine.values()) cancel();
    this.#environments.clear();
  }
}
