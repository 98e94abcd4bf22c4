import type { EnvKey } from "../../model/environment.ts";
import type { Snapshot } from "../../plan/plan.ts";
import type { EngineDeps } from "../engine.ts";
import type { Redactors } from "../redaction.ts";

/** Provides one member of the snapshots of all environments. */
export interface Sensor<Reading> {
  /** Senses exactly what the snapshot asks for from now on; nothing else of its environment. */
  watch(s: Snapshot): void;
  /** The current readings of an environment. */
  read(key: EnvKey): Reading;
  /** Stops. `watch` is not called after that. Resolves when nothing is under way. */
  close(): void | Promise<void>;
}

/** What sensors depend on. */
export interface SensorDeps extends EngineDeps {
  readonly redactors: Redactors;
  /** A new reading may change a decision. */
  readonly changed: (key: EnvKey) => void;
  readonly failed: (key: EnvKey, thrown: unknown) => void;
}
