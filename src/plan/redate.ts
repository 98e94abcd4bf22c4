import type { Draft } from "./draft.ts";
import type { Snapshot } from "./plan.ts";

/**
 * Writes times down anew that were written before the clock was set. A controller knows by how much it was set only while
 * it runs: the next one would take a time in the future for now, and begin every wait again, and so would each one after it.
 */
export function redate({ key, deployments, facts, misdated = [] }: Snapshot, draft: Draft): void {
  for (const one of deployments) {
    if (misdated.includes(one.id))
      draft.rewrite(one, `the clock was set: the times of ${one.id} are written down anew`);
  }
  for (const one of facts) {
    if (!misdated.includes(one.name)) continue;
    const why = `the clock was set: the times of ${one.name} are written down anew`;
    draft.record({ kind: "facts", key, facts: one }, why);
  }
}
