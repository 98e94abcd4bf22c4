import type { Snapshot } from "./plan.ts";
import type { PlanBuilder } from "./plan-builder.ts";

/**
 * Writes times down anew that were written before the clock was set. A controller knows by how much it was set only while
 * it runs: the next one would take a time in the future for now, and begin every wait again, and so would each one after it.
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
