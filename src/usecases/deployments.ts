import { Fault } from "../base/faults.ts";
import { type Deployment, isOver } from "../model/deployment.ts";
import type { EnvKey } from "../model/environment.ts";
import type { StoredLine } from "../model/log.ts";
import type { Release } from "../model/release.ts";
import type { StepRecord } from "../ports/journal/steps.ts";
import { type Call, environmentOf } from "./access.ts";
import { audited } from "./audit.ts";
import { refuseOthers } from "./guard.ts";
import { doneBy } from "./idempotency.ts";
import { type Page, pageOf } from "./paging.ts";
import { lookAnywayMs, Wakeup } from "./wakeup.ts";

/** Number of the failed instance's last lines that explain a failure. */
const culpritLines = 50;

/** A deployment by its id; faults: `deployment.unknown`. */
export async function deploymentOf(call: Call, id: string): Promise<Deployment> {
  const deployment = await call.deps.journal.deployments.find(id);
  if (!deployment) throw new Fault("deployment.unknown", `there is no deployment ${id}`);
  return deployment;
}

/** The release of a deployment; null: it is no longer kept. */
export async function releaseOfDeployment({ deps }: Call, { key, release }: Deployment): Promise<Release | null> {
  return deps.journal.releases.find(key, release);
}

export async function deploymentSteps(call: Call, id: string): Promise<readonly StepRecord[]> {
  return call.deps.journal.steps.of(id);
}

/** Deployments of an environment, newest first; `cursor` is the id of the last one seen. */
export async function listDeployments(
  call: Call,
  key: EnvKey,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<Deployment>> {
  await environmentOf(call, key);
  const page = cursor === undefined ? { limit: limit + 1 } : { before: cursor, limit: limit + 1 };
  return pageOf(await call.deps.journal.deployments.page(key, page), limit, ({ id }) => id);
}

/**
 * Cancels a deployment. Faults: `deployment.unknown`; `deployment.ended` if it has ended, or only stops the old
 * instances; `protected.not-allowed`.
 */
export async function cancelDeployment(call: Call, id: string): Promise<Deployment> {
  const { key } = await deploymentOf(call, id);
  return call.deps.engine.exclusively(key, async () => {
    const deployment = await deploymentOf(call, id);
    await refuseOthers(call, key);
    if (isOver(deployment)) throw new Fault("deployment.ended", `${id} has ended: ${deployment.verdict}`);
    if (deployment.phase === "drain")
      throw new Fault("deployment.ended", `${id} already serves and cannot be cancelled`);
    const cancelled = { ...deployment, cancelRequested: true };
    await call.deps.journal.commit([
      { kind: "deployment", deployment: cancelled },
      ...doneBy(call, { deployment: id, changes: null }),
      audited(call, { action: "cancel", key, detail: id }),
    ]);
    return cancelled;
  });
}

export type Progress =
  | { readonly kind: "deployment"; readonly deployment: Deployment }
  | { readonly kind: "log"; readonly lines: readonly StoredLine[] };

/**
 * The deployment after every change, beginning with its current state; before its end the last lines of the failed
 * instance, if any, only those after sequence `after`. Ends with the deployment, or with `signal`.
 */
export async function* followDeployment(
  call: Call,
  id: string,
  { after, signal }: { after: number; signal: AbortSignal },
): AsyncGenerator<Progress> {
  const { journal, clock } = call.deps;
  const wakeup = new Wakeup(clock, signal);
  let newest: Deployment | null = null;
  const leave = journal.committed((_keys, changes) => {
    for (const change of changes) {
      if (change.kind !== "deployment" || change.deployment.id !== id) continue;
      newest = change.deployment;
      wakeup.ring();
    }
  });
  try {
    const first = await deploymentOf(call, id);
    newest ??= first;
    for (let told: Deployment | null = null; !signal.aborted; await wakeup.wait(lookAnywayMs)) {
      const deployment: Deployment = newest;
      if (deployment === told) continue;
      if (isOver(deployment) && deployment.culprit !== null) yield* culpritLog(call, deployment, after);
      yield { kind: "deployment", deployment };
      told = deployment;
      if (isOver(deployment)) return;
    }
  } finally {
    leave();
  }
}

async function* culpritLog(call: Call, { key, culprit }: Deployment, after: number): AsyncGenerator<Progress> {
  if (culprit === null) return;
  const tail = (await call.deps.logs.tail({ key, instance: culprit }, culpritLines)).lines;
  const lines = tail.filter((line) => line.sequence > after);
  if (lines.length > 0) yield { kind: "log", lines };
}
