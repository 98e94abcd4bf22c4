import type { EnvKey } from "../model/environment.ts";
import type { Usage } from "../model/instance.ts";
import type { Plan, Snapshot } from "../plan/plan.ts";

/** The loop as the rest of the controller sees it. */
export interface Engine {
  /** Looks at every environment once, then goes on by itself. */
  start(): Promise<void>;
  /** Stops deciding; instances and the edge go on. Returns when nothing is under way any more. */
  stop(): Promise<void>;
  /**
   * Runs `change` while nothing else touches this environment, then reconciles. Everything that writes to the journal
   * about an environment goes through here, so that no decision is taken on a world that just changed.
   */
  alone<T>(key: EnvKey, change: () => Promise<T>): Promise<T>;
  /** What is observed right now. */
  observe(key: EnvKey): Promise<Snapshot>;
  /** What would be done next; nothing is done. */
  plan(key: EnvKey): Promise<Plan>;
  usage(instance: string): Promise<Usage | null>;
}
