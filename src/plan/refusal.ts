import { type FaultRecord, isLasting } from "../base/faults.ts";
import type { Phase } from "../model/deployment.ts";
import type { Plan, Snapshot, Step } from "./plan.ts";
import { underWay } from "./view.ts";

/** A fault of a step of a deployment that a retry does not fix. */
export interface Refusal {
  readonly deployment: string;
  /** Whether it occurred during a rollback. */
  readonly isUndoing: boolean;
  readonly fault: FaultRecord;
}

/** The consequence of a fault for the deployment of the step; null if it may continue. */
export function refusalOf({ s, plan }: { s: Snapshot; plan: Plan }, step: Step, fault: FaultRecord): Refusal | null {
  const { deployment } = plan;
  if (deployment === null || !isLasting(fault.code)) return null;
  const isUndoing = phaseAfter(s, plan) === "undo";
  return isUndoing || isOwn(step, deployment) ? { deployment, isUndoing, fault } : null;
}

/** The fault, where it is the deployment's under way and of the same way: what it gives back may be had although it was refused. */
export function refusalNow(s: Snapshot, refusal: Refusal | null): FaultRecord | null {
  const running = underWay(s);
  if (refusal === null || running?.id !== refusal.deployment) return null;
  return (running.phase === "undo") === refusal.isUndoing ? refusal.fault : null;
}

/** The phase in which a deployment is once the plan is recorded. */
function phaseAfter(s: Snapshot, { steps, deployment }: Plan): Phase | undefined {
  const changes = steps.flatMap((step) => (step.do === "record" ? step.changes : []));
  const written = changes.flatMap((change) => (change.kind === "deployment" ? [change.deployment] : []));
  return [...written, ...s.deployments].find(({ id }) => id === deployment)?.phase;
}

/** Whether a step is for what a deployment brings; the crashed instance of another one that cannot be started again is not. */
function isOwn(step: Step, deployment: string): boolean {
  switch (step.do) {
    case "start":
      return step.instance.identity.deployment === deployment;
    case "run-task":
      return step.task.deployment === deployment;
    case "build":
    case "route":
      return true;
    case "record":
    case "signal":
    case "remove":
    case "start-edge":
    case "unroute":
      return false;
  }
}
