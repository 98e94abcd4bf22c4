import type { FaultRecord } from "../base/faults.ts";
import type { Deployment, Verdict } from "../model/deployment.ts";
import type { Serving } from "../model/environment.ts";
import type { ObservedInstance, Planned, TaskSpec } from "../model/instance.ts";
import { confinementOf, internalHosts, type Release, type ServiceSpec } from "../model/release.ts";
import { hasGated, wasUnwanted } from "./converge.ts";
import { judgeGate } from "./gate.ts";
import type { Snapshot } from "./plan.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import { idOf, instancesOf, type Slot, slotsOf } from "./view.ts";

/** The context of the running deployment for its phases. */
export interface DeploymentContext {
  readonly s: Snapshot;
  readonly builder: PlanBuilder;
  readonly release: Release;
  /** What serves if this deployment succeeds. */
  readonly next: Serving;
  readonly previous: Serving | null;
}

/**
 * What would serve after a deployment: its own instances for the services it replaces, the present ones for the rest.
 */
export function nextServing(deployment: Deployment, release: Release): Serving {
  const chosen = (name: string) => deployment.services === null || deployment.services.includes(name);
  const kept = deployment.previous?.generations ?? {};
  const generations = Object.fromEntries(
    release.services.map(({ name }) => [name, chosen(name) ? deployment.id : (kept[name] ?? deployment.id)]),
  );
  return { release: release.number, generations };
}

export interface Failure {
  readonly verdict: Exclude<Verdict, "live">;
  readonly fault: FaultRecord;
  readonly culprit?: string | null;
}

/** Decides that the deployment has failed. `undo` restores what it changed; if it changed nothing, it ends at once. */
export function failDeployment(
  { builder, s }: Pick<DeploymentContext, "builder" | "s">,
  { verdict, fault, culprit }: Failure,
): void {
  builder.change({ verdict, fault, culprit: culprit ?? null });
  const untouched = ["queued", "prepare", "build", "protect"].includes(builder.current.phase);
  if (untouched) end({ builder, s });
  else builder.enter("undo", fault.detail);
}

/** The verdict of a failure: a release that has traffic is rolled back where there is one to go back to. */
export function failureOf({
  builder,
  previous,
}: Pick<DeploymentContext, "builder" | "previous">): "failed" | "rolled-back" {
  return builder.current.phase === "watch" && previous ? "rolled-back" : "failed";
}

/** Ends the deployment. The verdict must have been decided. */
export function end({ builder, s }: Pick<DeploymentContext, "builder" | "s">): void {
  const { verdict, fault, release } = builder.current;
  builder.enter("ended", verdict ?? "ended");
  builder.change({ endedAt: s.now });
  builder.event("deployment.ended", `v${release}`, fault ? `${verdict}: ${fault.detail}` : `${verdict}`);
}

/** The deterministic name of a task of a deployment: a second start has no effect. */
export function taskName(
  { s, builder }: Pick<DeploymentContext, "s" | "builder">,
  service: ServiceSpec,
  what: string,
): string {
  const generation = builder.current.id.replace(/^.*_/, "");
  return `fl-${s.key.app}-${s.key.environment}-${service.name}-${what}-${generation}`;
}

/** A command that runs once in the new release of a service, with its environment and limits. */
export function taskOf(
  context: DeploymentContext,
  service: ServiceSpec,
  about: Pick<TaskSpec, "name" | "purpose" | "command">,
): Planned<TaskSpec> {
  return {
    ...about,
    key: context.s.key,
    service: service.name,
    release: context.release.number,
    deployment: context.builder.current.id,
    artifact: service.artifact,
    env: service.env,
    neighbours: internalHosts(context.release),
    ...confinementOf(service),
  };
}

type Sides = Pick<DeploymentContext, "s" | "next" | "previous">;

/** Whether a service is replaced in the switch: a `single` one that already serves and must not run twice. */
export function isExchanged(
  { s, previous }: Pick<DeploymentContext, "s" | "previous">,
  { name, single }: ServiceSpec,
): boolean {
  return single && slotsOf(s, previous).some((slot) => slot.service.name === name);
}

/** The new instances that run beside the old ones: all but those of `single` services that serve already. */
export function besideSlots(context: Sides): readonly Slot[] {
  return newSlots(context).filter(({ service }) => !isExchanged(context, service));
}

/** The `single` services that are replaced, in the order of the manifest. */
export function singleSlots(context: Sides): readonly Slot[] {
  return newSlots(context).filter(({ service }) => isExchanged(context, service));
}

function newSlots({ s, next, previous }: Sides): readonly Slot[] {
  const old = new Set(slotsOf(s, previous).map(idOf));
  return slotsOf(s, next).filter((slot) => !old.has(idOf(slot)));
}

/** The first new instance that ended or did not become ready. */
export function firstFailure(
  s: Snapshot,
  slots: readonly Slot[],
): { fault: FaultRecord; instance: ObservedInstance } | null {
  for (const slot of slots) {
    const instance = instancesOf(s, slot)[0];
    if (!instance || wasUnwanted(s, instance) || (instance.exit === null && hasGated(s, slot))) continue;
    const verdict = judgeGate(s, slot.service, instance);
    if (verdict.state === "failed") return { fault: verdict.fault, instance };
  }
  return null;
}
