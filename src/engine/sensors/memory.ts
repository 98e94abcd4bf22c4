import type { EnvKey } from "../../model/environment.ts";
import type { Sensed, Snapshot } from "../../plan/plan.ts";
import { memoryLimits } from "../../plan/probes.ts";
import type { Sensor, SensorDeps } from "./sensor.ts";
import { WatchList } from "./watch-list.ts";

/** Interval of measurements; an engine with cgroups is faster, plain processes are only measured. */
const lookMs = 1_000;

type MemoryDeps = Pick<SensorDeps, "runtime" | "clock" | "changed" | "failed">;

interface Weighed {
  readonly key: EnvKey;
  readonly name: string;
  limit: number;
  used: number;
  cancel: () => void;
}

/**
 * Measures the memory of all instances with a limit, if the runtime does not enforce limits itself: bytes by instance. The
 * planner decides what to do.
 */
export class MemorySensor implements Sensor<Sensed["memory"]> {
  readonly #deps: MemoryDeps;
  readonly #weighed = new WatchList<Weighed>();

  constructor(deps: MemoryDeps) {
    this.#deps = deps;
  }

  watch(s: Snapshot): void {
    if (this.#deps.runtime.capsMemory) return;
    const limits = memoryLimits(s);
    this.#weighed.keep(s.key, new Set(limits.keys()));
    for (const [name, limit] of limits) {
      const known = this.#weighed.find(s.key, name);
      if (known) known.limit = limit;
      else this.#begin({ key: s.key, name, limit, used: 0, cancel: () => undefined });
    }
  }

  read(key: EnvKey): Sensed["memory"] {
    return Object.fromEntries(this.#weighed.of(key).map(({ name, used }) => [name, used]));
  }

  close(): void {
    this.#weighed.clear();
  }

  #begin(one: Weighed): void {
    this.#weighed.add(one);
    this.#later(one);
  }

  #later(one: Weighed): void {
    one.cancel = this.#deps.clock.after(lookMs, () => {
      void this.#look(one)
        .catch((thrown) => this.#deps.failed(one.key, thrown))
        .then(() => {
          if (this.#weighed.has(one)) this.#later(one);
        });
    });
  }

  async #look(one: Weighed): Promise<void> {
    const usage = await this.#deps.runtime.usage(one.name);
    if (!this.#weighed.has(one)) return;
    one.used = usage?.memoryBytes ?? 0;
    if (one.used > one.limit) this.#deps.changed(one.key);
  }
}
