import type { Snapshot } from "./plan.ts";
import type { PlanBuilder } from "./plan-builder.ts";

/**
 * Records times again that are from before the clock was set. Only a running controller knows by how much it was set:
 * the next one would read a time in the future as now and restart every wait, and so would each one after it.
 */
export function redate({ key, deployments, facts, misdated = [] }: Snapshot, builder: PlanBuilder): void {
  for (const one of deployments) {
    if (misdated.includes(one.id)) builder.rewrite(one, `the clock was set: the times of ${one.id} are recorded again`);
  }
  for (const one of facts) {
    if (!misdated.includes(one.name)) continue;
    const why = `the clock was set: the times of ${one.name} are recorded again`;
    builder.record({ kind: "facts", key, facts: one }, why);
  }
}
