import type { FaultRecord } from "../base/faults.ts";
import type { ObservedInstance } from "../model/instance.ts";
import type { Release } from "../model/release.ts";
import { faultOf } from "./gate.ts";
import type { Snapshot } from "./plan.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import { factsOf, releaseOf } from "./view.ts";

/**
 * The same world without the instances that nothing in the journal explains: those of a deployment or release that it does
 * not have. They may be all that is left of a journal that was lost, so nothing is done to them, and nothing rests on them.
 * Who stops an environment means all that runs of it: then they are instances like others.
 */
export function explained(s: Snapshot): Snapshot {
  if (s.environment.stopped) return { ...s, instances: [...s.instances, ...(s.unexplained ?? [])], unexplained: [] };
  const isKnown = ({ identity }: ObservedInstance) => releaseOf(s, identity.release) !== undefined;
  const unexplained = [...(s.unexplained ?? []), ...s.instances.filter((one) => !isKnown(one))];
  return unexplained.length === 0 ? s : { ...s, instances: s.instances.filter(isKnown), unexplained };
}

/** Why a release cannot be started beside them: a single service may never run twice. */
export function singleStranger(s: Snapshot, release: Release): FaultRecord | null {
  const singles = new Set(release.services.filter(({ single }) => single).map(({ name }) => name));
  const found = (s.unexplained ?? []).find((one) => one.exit === null && singles.has(one.identity.service));
  if (!found) return null;
  const { service } = found.identity;
  const detail = `${service} is single, and ${found.name} runs, which the journal does not know; it keeps running`;
  const hint = "Stop everything of this environment with `fairlead down`, then deploy again.";
  return { ...faultOf("runtime.start-failed", detail), hint };
}

/** Reports them, and what is of a kind that this version does not know, each once. */
export function noteStrangers(s: Snapshot, builder: PlanBuilder): void {
  const strangers = (s.unexplained ?? []).map(({ name, identity }) => {
    return { name, words: `${name} of v${identity.release} exists, but the journal does not know it` };
  });
  const unknown = s.unknownKinds.map(({ name, kind }) => {
    return { name, words: `${name} is a workload of kind "${kind}", which this version does not know` };
  });
  for (const { name, words } of [...strangers, ...unknown]) {
    if (factsOf(s, name)) continue;
    const facts = { name, gatedAt: null, retiredAt: null, retiredBecause: null };
    builder.record({ kind: "facts", key: s.key, facts }, `${words}; it is left alone`);
    builder.event("instance.unknown", name, `${words}; it is left alone`);
  }
}
