import { Fault } from "../base/faults.ts";
import { type Environment, type EnvKey, keyText } from "../model/environment.ts";
import { type Release, replicasOf, serviceOf } from "../model/release.ts";
import { type Call, environmentOf, newestRelease, type Revised, refuseStale } from "./access.ts";
import { audited } from "./audit.ts";
import { configured } from "./events.ts";
import { guard } from "./guard.ts";
import { doneBy } from "./idempotency.ts";

export interface ScaledService {
  readonly name: string;
  readonly replicas: number;
  readonly manifest: number;
  readonly override: number | null;
}

function scaleOf(environment: Environment, release: Release | null): readonly ScaledService[] {
  const { scale } = environment;
  return (release?.services ?? []).map((service) => {
    const { name, replicas: manifest } = service;
    return { name, replicas: replicasOf(service, scale), manifest, override: scale[name] ?? null };
  });
}

/** How many instances every service has. Faults: `app.unknown`. */
export async function readScale(call: Call, key: EnvKey): Promise<Revised<readonly ScaledService[]>> {
  const environment = await environmentOf(call, key);
  return { revision: environment.revision, content: scaleOf(environment, await newestRelease(call, environment)) };
}

export interface ScaleOrder {
  /** Service to replicas; null goes back to the manifest. */
  readonly set: Readonly<Record<string, number | null>>;
  /** The expected revision; null: any. */
  readonly expected: number | null;
}

/** Sets replicas. Faults: `app.unknown`, `service.unknown`, `scale.single`, `document.stale`, those of `guard`. */
export async function changeScale(
  call: Call,
  key: EnvKey,
  order: ScaleOrder,
): Promise<Revised<readonly ScaledService[]>> {
  const { engine, journal, clock } = call.deps;
  await engine.exclusively(key, async () => {
    const environment = await environmentOf(call, key);
    refuseStale(environment, order.expected);
    const release = await newestRelease(call, environment);
    await guard(call, environment);
    for (const [name, replicas] of Object.entries(order.set)) refuseScale(release, { key, name, replicas });
    const entries = Object.entries(order.set);
    const detail = entries.map(([name, replicas]) => `${name}=${replicas ?? "manifest"}`).join(" ");
    await journal.commit([
      ...entries.map(([service, replicas]) => ({ kind: "scale", key, service, replicas }) as const),
      { kind: "event", event: configured(key, clock.now(), { kind: "environment.scaled", detail }) },
      ...doneBy(call, { deployment: null, changes: null }),
      audited(call, { action: "scale", key, names: Object.keys(order.set), detail }),
    ]);
  });
  return readScale(call, key);
}

function refuseScale(release: Release | null, wanted: { key: EnvKey; name: string; replicas: number | null }): void {
  const { key, name, replicas } = wanted;
  const service = release && serviceOf(release, name);
  if (!service) throw new Fault("service.unknown", `${keyText(key)} has no service ${name}`);
  if (service.single && replicas !== null && replicas !== 1) {
    throw new Fault("scale.single", `${name} is \`single\`: it runs exactly once, not ${replicas} times`);
  }
}
