import type { EnvKey } from "../../model/environment.ts";
import type { Sensed, Snapshot } from "../../plan/plan.ts";
import { isGated, isStaying } from "../../plan/view.ts";
import type { Sensor, SensorDeps } from "./sensor.ts";
import { WatchList } from "./watch-list.ts";

/** Apps open their database when they start or with the first request; later looks are each twice as long after. */
const firstLookMs = 1_000;
const longestMs = 600_000;

type WrittenDeps = Pick<SensorDeps, "runtime" | "clock" | "changed" | "failed">;

interface Looked {
  readonly key: EnvKey;
  readonly name: string;
  files: readonly string[];
  cancel: () => void;
}

/** Lists what serving instances write beside their code, by instance: it is removed with them. */
export class WrittenSensor implements Sensor<Sensed["written"]> {
  readonly #deps: WrittenDeps;
  readonly #looked = new WatchList<Looked>();

  constructor(deps: WrittenDeps) {
    this.#deps = deps;
  }

  watch(s: Snapshot): void {
    const names = s.instances.filter((one) => isStaying(s, one) && isGated(s, one)).map(({ name }) => name);
    this.#looked.keep(s.key, new Set(names));
    for (const name of names) {
      if (this.#looked.find(s.key, name)) continue;
      const one: Looked = { key: s.key, name, files: [], cancel: () => undefined };
      this.#looked.add(one);
      this.#later(one, firstLookMs);
    }
  }

  read(key: EnvKey): Sensed["written"] {
    return Object.fromEntries(this.#looked.of(key).map(({ name, files }) => [name, files]));
  }

  close(): void {
    this.#looked.clear();
  }

  #later(one: Looked, ms: number): void {
    one.cancel = this.#deps.clock.after(ms, () => {
      void this.#look(one)
        .catch((thrown) => this.#deps.failed(one.key, thrown))
        .then(() => {
          if (this.#looked.has(one)) this.#later(one, Math.min(2 * ms, longestMs));
        });
    });
  }

  async #look(one: Looked): Promise<void> {
    one.files = await this.#deps.runtime.written(one.name);
  }
}
