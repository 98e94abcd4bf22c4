import type { ObservedInstance } from "../model/instance.ts";
import type { Draft } from "./draft.ts";
import type { Snapshot } from "./plan.ts";
import { factsOf, releaseOf } from "./view.ts";

/**
 * The same world without the instances that nothing in the journal explains: those of a deployment or release that it does
 * not have. They may be all that is left of a journal that was lost, so nothing is done to them, and nothing rests on them.
 */
export function explained(s: Snapshot): Snapshot {
  const isKnown = ({ identity }: ObservedInstance) => releaseOf(s, identity.release) !== undefined;
  const unexplained = [...(s.unexplained ?? []), ...s.instances.filter((one) => !isKnown(one))];
  return unexplained.length === 0 ? s : { ...s, instances: s.instances.filter(isKnown), unexplained };
}

/** Tells of them, each once. */
export function noteStrangers(s: Snapshot, draft: Draft): void {
  for (const { name, identity } of s.unexplained ?? []) {
    if (factsOf(s, name)) continue;
    const words = `${name} of v${identity.release} is there, and the journal knows nothing of it; it is left alone`;
    const facts = { name, gatedAt: null, retiredAt: null, retiredBecause: null };
    draft.record({ kind: "facts", key: s.key, facts }, words);
    draft.event("instance.unknown", name, words);
  }
}
