import { unreachable } from "../base/faults.ts";
import type { Deployment } from "../model/deployment.ts";
import type { ObservedInstance, ObservedTask } from "../model/instance.ts";
import type { RouteTable } from "../model/route.ts";
import type { ObservedData, UnknownWorkload } from "../model/workload.ts";
import type { Snapshot } from "./plan.ts";
import { commandLeft, isAwaited } from "./tasks.ts";
import { idOf, instancesOf, isRunning, isStaying, releaseOf, type Slot, slotId } from "./view.ts";

export interface Wanted {
  /** Places to fill now, in the order of starting. */
  readonly slots: readonly Slot[];
  /** Ids of places whose first instance is judged by the deployment: if it fails, it is not restarted. */
  readonly onTrial: ReadonlySet<string>;
  readonly table: RouteTable | null;
}

/** A workload as it was observed. */
export type ObservedWorkload =
  | { readonly kind: "service"; readonly seen: ObservedInstance }
  | { readonly kind: "data"; readonly seen: ObservedData }
  | { readonly kind: "task"; readonly seen: ObservedTask }
  | { readonly kind: "unknown"; readonly seen: UnknownWorkload };

interface Context {
  readonly wanted: Wanted;
  /** The deployment under way. */
  readonly deployment: Deployment | null;
}

/** What must go of all that was observed, as far as it runs. */
export function leavingOf(s: Snapshot, context: Context): readonly ObservedWorkload[] {
  const all: readonly ObservedWorkload[] = [
    ...s.instances.map((seen) => ({ kind: "service", seen }) as const),
    ...s.data.map((seen) => ({ kind: "data", seen }) as const),
    ...s.tasks.map((seen) => ({ kind: "task", seen }) as const),
    ...s.unknownKinds.map((seen) => ({ kind: "unknown", seen }) as const),
  ];
  return all.filter((one) => isLeaving(s, one, context));
}

/** The one place where it is decided what a plan ends: a new kind does not compile until it is decided here. */
function isLeaving(s: Snapshot, one: ObservedWorkload, { wanted, deployment }: Context): boolean {
  switch (one.kind) {
    case "service":
      return isRunning(one.seen) && isUnplaced(s, one.seen, wanted);
    case "task":
      return one.seen.exit === null && isTaskOver(s, one.seen, deployment);
    case "data": // Until a person removes it by name.
    case "unknown":
      return false;
    default:
      return unreachable(one);
  }
}

/** Running instances to remove: without a place, marked as leaving, or replaced by a newer attempt. */
export function leaversOf(s: Snapshot, wanted: Wanted): readonly ObservedInstance[] {
  return leavingOf(s, { wanted, deployment: null }).flatMap(({ kind, seen }) => (kind === "service" ? [seen] : []));
}

function isUnplaced(s: Snapshot, instance: ObservedInstance, { slots }: Wanted): boolean {
  const slot = slots.find((candidate) => idOf(candidate) === slotId(instance.identity));
  if (!slot || !isStaying(s, instance)) return true;
  const isNewer = (other: ObservedInstance) => other.identity.attempt > instance.identity.attempt;
  return instancesOf(s, slot).some((other) => isNewer(other) && isStaying(s, other));
}

function isTaskOver(s: Snapshot, task: ObservedTask, deployment: Deployment | null): boolean {
  const { purpose } = task.spec;
  switch (purpose) {
    case "release":
      return (commandLeft(s, task) ?? 1) <= 0;
    case "check":
      return isAbandoned(s, task);
    case "build":
      return isAbandoned(s, task) && !isAwaited(s, task, deployment);
    case "run": // Whoever asked for it ends it.
      return false;
    case "attached": // So does who holds its streams, as long as there is one.
      return !task.isHeld;
    default:
      return unreachable(purpose);
  }
}

/** Whether the deployment that a task is of does not wait for it any more. */
function isAbandoned(s: Snapshot, { spec }: ObservedTask): boolean {
  const phase = s.deployments.find(({ id }) => id === spec.deployment)?.phase;
  return (phase === undefined || phase === "undo") && releaseOf(s, spec.release) !== undefined;
}
