import type { PlanChange } from "../model/change.ts";
import type { Deployment } from "../model/deployment.ts";
import type { EnvKey } from "../model/environment.ts";

/**
 * The records that stop an environment until its next deployment: nothing serves, and the running deployment is
 * cancelled. The only way to end what runs; the loop does the rest.
 */
export function stopChanges(key: EnvKey, unfinished: readonly Deployment[]): readonly PlanChange[] {
  return [
    { kind: "stopped", key, stopped: true },
    { kind: "serving", key, serving: null },
    ...unfinished.map((one): PlanChange => ({ kind: "deployment", deployment: { ...one, cancelRequested: true } })),
  ];
}
