import type { Deployment } from "../model/deployment.ts";
import type { Serving } from "../model/environment.ts";
import type { InstanceFacts, InstanceIdentity, ObservedInstance } from "../model/instance.ts";
import { type Release, replicasOf, type ServiceSpec, serviceOf } from "../model/release.ts";
import type { Snapshot } from "./plan.ts";

/** A place that one instance fills: replica `ordinal` of a service, started by a deployment, of a release. */
export interface Slot {
  readonly service: ServiceSpec;
  readonly release: Release;
  readonly deployment: string;
  readonly ordinal: number;
}

export function slotId(identity: Pick<InstanceIdentity, "service" | "release" | "deployment" | "ordinal">): string {
  return `${identity.service} ${identity.release} ${identity.deployment} ${identity.ordinal}`;
}

export function idOf(slot: Slot): string {
  return slotId({
    service: slot.service.name,
    release: slot.release.number,
    deployment: slot.deployment,
    ordinal: slot.ordinal,
  });
}

export function releaseOf(s: Snapshot, number: number): Release | undefined {
  return s.releases.find((release) => release.number === number);
}

/** The running deployment. Anything requested later supersedes staging. */
export function underWay({ deployments }: Pick<Snapshot, "deployments">): Deployment | undefined {
  const running = deployments.find((deployment) => deployment.phase !== "queued");
  return running?.kind === "stage" && deployments.at(-1) !== running ? undefined : running;
}

/** All places of what is to be served; none when nothing is, or when its release is unknown. */
export function slotsOf(s: Snapshot, serving: Serving | null): readonly Slot[] {
  const release = serving ? releaseOf(s, serving.release) : undefined;
  if (!serving || !release) return [];
  return release.services.flatMap((service) => {
    const deployment = serving.generations[service.name];
    if (deployment === undefined) return [];
    return Array.from({ length: replicasOf(service, s.environment.scale) }, (_, ordinal) => ({
      service,
      release,
      deployment,
      ordinal,
    }));
  });
}

export function factsOf(s: Snapshot, name: string): InstanceFacts | undefined {
  return s.facts.find((facts) => facts.name === name);
}

export function isRunning(instance: ObservedInstance): boolean {
  return instance.exit === null;
}

/** Running, and not marked as leaving. */
export function isStaying(s: Snapshot, instance: ObservedInstance): boolean {
  return isRunning(instance) && instance.stopSignalAt === null && !factsOf(s, instance.name)?.retiredAt;
}

export function isGated(s: Snapshot, instance: ObservedInstance): boolean {
  return Boolean(factsOf(s, instance.name)?.gatedAt);
}

/** The instances of a place, the newest attempt first. */
export function instancesOf(s: Snapshot, slot: Slot): readonly ObservedInstance[] {
  return s.instances
    .filter((instance) => isOf(instance.identity, slot))
    .sort((a, b) => b.identity.attempt - a.identity.attempt);
}

function isOf({ service, release, deployment, ordinal }: InstanceIdentity, slot: Slot): boolean {
  return (
    service === slot.service.name &&
    ordinal === slot.ordinal &&
    deployment === slot.deployment &&
    release === slot.release.number
  );
}

/** An instance's service, as described by its own release. */
export function serviceSpecOf(s: Snapshot, instance: ObservedInstance): ServiceSpec | undefined {
  const release = releaseOf(s, instance.identity.release);
  return release && serviceOf(release, instance.identity.service);
}

/** Names of the upstreams that the edge currently routes to. */
export function routedNow(s: Snapshot): ReadonlySet<string> {
  return new Set(s.edge.table?.routes.flatMap((route) => route.upstreams.map((upstream) => upstream.id)) ?? []);
}

/** The next attempt at filling a place. */
export function nextIdentity(s: Snapshot, slot: Slot): InstanceIdentity {
  const last = instancesOf(s, slot)[0];
  return {
    kind: "service",
    key: s.key,
    service: slot.service.name,
    release: slot.release.number,
    deployment: slot.deployment,
    ordinal: slot.ordinal,
    attempt: last ? last.identity.attempt + 1 : 0,
  };
}
