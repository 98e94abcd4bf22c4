import { type EnvKey, keyText } from "../../model/environment.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Runtime } from "../../ports/runtime.ts";

/** Interval of measurements; an engine with cgroups is faster, plain processes are only measured. */
const lookMs = 1_000;

interface SensorDeps {
  readonly runtime: Runtime;
  readonly clock: Clock;
  /** An instance exceeds its limit. */
  readonly exceeded: (key: EnvKey) => void;
  readonly failed: (key: EnvKey, thrown: unknown) => void;
}

interface Weighed {
  readonly key: EnvKey;
  limit: number;
  used: number;
  cancel: () => void;
}

/** Measures the memory of all instances with a limit. The planner decides what to do. */
export class MemorySensor {
  readonly #deps: SensorDeps;
  readonly #weighed = new Map<string, Weighed>();
  #closed = false;

  constructor(deps: SensorDeps) {
    this.#deps = deps;
  }

  /** Bytes by instance, as last seen. */
  used(key: EnvKey): Record<string, number> {
    const mine = [...this.#weighed].filter(([, one]) => keyText(one.key) === keyText(key));
    return Object.fromEntries(mine.map(([name, one]) => [name, one.used]));
  }

  /** Measures exactly these instances of an environment from now on. */
  watch(key: EnvKey, limits: ReadonlyMap<string, number>): void {
    for (const [name, one] of this.#weighed) {
      if (keyText(one.key) !== keyText(key) || limits.has(name)) continue;
      one.cancel();
      this.#weighed.delete(name);
    }
    if (this.#closed) return;
    for (const [name, limit] of limits) {
      const known = this.#weighed.get(name);
      if (known) known.limit = limit;
      else this.#begin(name, { key, limit, used: 0, cancel: () => undefined });
    }
  }

  close(): void {
    this.#closed = true;
    for (const one of this.#weighed.values()) one.cancel();
    this.#weighed.clear();
  }

  #begin(name: string, one: Weighed): void {
    this.#weighed.set(name, one);
    this.#later(name, one);
  }

  #later(name: string, one: Weighed): void {
    one.cancel = this.#deps.clock.after(lookMs, () => {
      void this.#look(name, one)
        .catch((thrown) => this.#deps.failed(one.key, thrown))
        .then(() => {
          if (this.#weighed.get(name) === one) this.#later(name, one);
        });
    });
  }

  async #look(name: string, one: Weighed): Promise<void> {
    const usage = await this.#deps.runtime.usage(name);
    if (this.#weighed.get(name) !== one) return;
    one.used = usage?.memoryBytes ?? 0;
    if (one.used > one.limit) this.#deps.exceeded(one.key);
  }
}
