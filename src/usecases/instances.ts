import type { InstanceIdentity, ObservedInstance, Usage } from "../model/instance.ts";
import type { ServiceSpec } from "../model/release.ts";
import { gateWords, unreadyAfter } from "../plan/gate.ts";
import type { Snapshot } from "../plan/plan.ts";
import { factsOf, isGated, serviceSpecOf, slotId, slotsOf } from "../plan/view.ts";

export type InstanceState = "starting" | "ready" | "not-ready" | "draining" | "stopping" | "crashed" | "backing-off";

/** An instance for display. */
export interface SeenInstance {
  readonly instance: ObservedInstance;
  readonly state: InstanceState;
  readonly artifact: string;
  readonly gate: string | null;
  readonly usage: Usage | null;
  /** Files that it wrote beside its code. */
  readonly written: readonly string[];
}

/**
 * The state of an instance; null for one that ended on request, or was replaced by a later attempt. Only what is
 * observed counts: facts of the journal, what the runtime sees, and the probes.
 */
export function stateOf(s: Snapshot, instance: ObservedInstance): InstanceState | null {
  if (instance.exit) return endedState(s, instance);
  if (instance.stopSignalAt !== null || instance.killedAt !== null) return "stopping";
  if (factsOf(s, instance.name)?.retiredAt) return "draining";
  if (!isGated(s, instance)) return "starting";
  return (s.probes[instance.name]?.unreadyInRow ?? 0) >= unreadyAfter ? "not-ready" : "ready";
}

function endedState(s: Snapshot, instance: ObservedInstance): InstanceState | null {
  if (instance.stopSignalAt !== null) return null;
  const place = slotId(instance.identity);
  const later = s.instances.some(
    (other) => slotId(other.identity) === place && isLater(other.identity, instance.identity),
  );
  if (later) return null;
  const wanted = slotsOf(s, s.environment.serving).some((slot) => slotIdOf(slot) === place);
  return wanted && !s.environment.stopped ? "backing-off" : "crashed";
}

function isLater(one: InstanceIdentity, other: InstanceIdentity): boolean {
  return one.attempt > other.attempt;
}

function slotIdOf(slot: ReturnType<typeof slotsOf>[number]): string {
  const { service, release, deployment, ordinal } = slot;
  return slotId({ service: service.name, release: release.number, deployment, ordinal });
}

/** How an instance passed its gate, otherwise the result of its last probe. */
export function gateOf(s: Snapshot, instance: ObservedInstance, service: ServiceSpec | undefined): string | null {
  const answer = s.probes[instance.name]?.lastAnswer ?? null;
  if (stateOf(s, instance) !== "ready") return answer;
  return service ? gateWords(service) : answer;
}

/** All relevant instances, in the order of their places. */
export async function seenInstances(
  s: Snapshot,
  usageOf: (instance: string) => Promise<Usage | null>,
): Promise<readonly SeenInstance[]> {
  const seen = s.instances.flatMap((instance) => {
    const state = stateOf(s, instance);
    return state === null ? [] : [{ instance, state }];
  });
  seen.sort((a, b) => order(a.instance.identity, b.instance.identity));
  return Promise.all(
    seen.map(async ({ instance, state }) => {
      const service = serviceSpecOf(s, instance);
      const usage = instance.exit ? null : await usageOf(instance.name);
      const gate = gateOf(s, instance, service);
      const written = s.written[instance.name] ?? [];
      return { instance, state, artifact: service?.artifact ?? "", gate, usage, written };
    }),
  );
}

function order(a: InstanceIdentity, b: InstanceIdentity): number {
  return b.release - a.release || a.ordinal - b.ordinal || b.attempt - a.attempt;
}
