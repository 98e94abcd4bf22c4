import type { Deployment } from "../model/deployment.ts";
import { type Environment, type EnvKey, isThere, type Preview } from "../model/environment.ts";
import { type Protection, type Release, replicasOf, type ServiceSpec } from "../model/release.ts";
import type { Snapshot } from "../plan/plan.ts";
import { releaseOf } from "../plan/view.ts";
import type { EdgeAnswer } from "../ports/edge.ts";
import type { Trouble } from "../ports/logs.ts";
import { type Call, type Deps, environmentOf, publicUrl } from "./access.ts";
import { protectionOf } from "./guard.ts";
import { type SeenInstance, seenInstances } from "./instances.ts";
import { type MaintenanceStatus, maintenanceOf } from "./maintenance.ts";

export type EnvironmentState = "serving" | "deploying" | "degraded" | "stopped" | "empty";

export interface ServiceUrl {
  readonly service: string;
  readonly url: string;
  readonly internal: boolean;
}

export interface ServiceStatus {
  readonly name: string;
  readonly desired: number;
  readonly single: boolean;
  readonly instances: readonly SeenInstance[];
}

export interface Status {
  readonly key: EnvKey;
  readonly state: EnvironmentState;
  readonly release: number | null;
  /** The release that serves, if it is still kept. */
  readonly serving: Release | null;
  /** The running deployment, otherwise the newest. */
  readonly deployment: Deployment | null;
  readonly queue: readonly Deployment[];
  readonly services: readonly ServiceStatus[];
  readonly urls: readonly ServiceUrl[];
  /** The edge's answer to clients, probed like a client. */
  readonly edge: EdgeAnswer;
  /** Since when and why lines of logs cannot be stored; null: they can. */
  readonly logTrouble: Trouble | null;
  readonly maintenance: MaintenanceStatus;
  readonly preview: Preview | null;
  readonly protection: Protection | null;
  /** The release with staged code. */
  readonly staged: Release | null;
}

/** The observed state of an environment. Faults: `app.unknown`. */
export async function readStatus(call: Call, key: EnvKey): Promise<Status> {
  await environmentOf(call, key);
  const { deps } = call;
  const s = await deps.engine.observe(key);
  const { environment } = s;
  const running = s.deployments.find((one) => one.phase !== "queued") ?? null;
  const serving = environment.serving ? (releaseOf(s, environment.serving.release) ?? null) : null;
  const seen = await seenInstances(s, (name) => deps.engine.usage(name));
  const services = servicesOf(s, serving).map((service) => serviceStatus(s, service, seen));
  return {
    key,
    state: stateOf(environment, { isDeploying: isDeploying(s.deployments), isWell: isWell(deps, services) }),
    release: environment.serving?.release ?? null,
    serving,
    deployment: running ?? s.deployments[0] ?? (await newest(deps, key)),
    queue: s.deployments.filter((one) => one.phase === "queued"),
    services,
    urls: serving ? urlsOf(deps, serving) : [],
    edge: deps.edge.answer(),
    logTrouble: deps.logs.trouble(),
    maintenance: maintenanceOf(s),
    preview: environment.preview,
    protection: await protectionOf(deps, key),
    staged: environment.staged === null ? null : await deps.journal.releases.find(key, environment.staged),
  };
}

async function newest({ journal }: Deps, key: EnvKey): Promise<Deployment | null> {
  const [deployment] = await journal.deployments.page(key, { limit: 1 });
  return deployment ?? null;
}

function isDeploying(deployments: readonly Deployment[]): boolean {
  return deployments.some(({ kind, cancelRequested }) => kind !== "stage" && !cancelRequested);
}

function stateOf(
  { stopped, serving }: Environment,
  { isDeploying, isWell }: { isDeploying: boolean; isWell: boolean },
): EnvironmentState {
  if (isDeploying) return "deploying";
  if (stopped) return "stopped";
  if (!serving) return "empty";
  return isWell ? "serving" : "degraded";
}

function isWell({ edge }: Deps, services: readonly ServiceStatus[]): boolean {
  return edge.answer().answers && services.every(isComplete);
}

function isComplete({ desired, instances }: ServiceStatus): boolean {
  return instances.filter((one) => one.state === "ready").length >= desired;
}

/** The services that are served, then those that a deployment under way is about to add or that still run. */
function servicesOf(s: Snapshot, serving: Release | null): readonly ServiceSpec[] {
  const found = new Map((serving?.services ?? []).map((service) => [service.name, service]));
  for (const { release } of [...s.deployments, ...s.instances.map((instance) => instance.identity)]) {
    for (const service of releaseOf(s, release)?.services ?? []) {
      if (!found.has(service.name)) found.set(service.name, service);
    }
  }
  return [...found.values()];
}

function serviceStatus(s: Snapshot, service: ServiceSpec, seen: readonly SeenInstance[]): ServiceStatus {
  const instances = seen.filter(({ instance }) => instance.identity.service === service.name);
  const desired = s.environment.stopped ? 0 : replicasOf(service, s.environment.scale);
  return { name: service.name, desired, single: service.single, instances };
}

function urlsOf(deps: Deps, release: Release): readonly ServiceUrl[] {
  return release.services.flatMap(({ name, http }) =>
    (http?.hosts ?? []).map((host) => ({
      service: name,
      url: publicUrl(deps, host),
      internal: http?.internal ?? false,
    })),
  );
}

export interface EnvironmentSummary {
  readonly key: EnvKey;
  readonly release: number | null;
  readonly state: EnvironmentState;
  readonly urls: readonly ServiceUrl[];
  readonly preview: Preview | null;
}

/** All existing environments, from the journal; only `readStatus` shows the state of their instances. */
export async function listEnvironments(call: Call): Promise<readonly EnvironmentSummary[]> {
  const { journal } = call.deps;
  const found: EnvironmentSummary[] = [];
  for (const environment of (await journal.environments.all()).filter(isThere)) {
    const { key, serving, preview } = environment;
    const release = serving ? await journal.releases.find(key, serving.release) : null;
    const state = stateOf(environment, {
      isDeploying: isDeploying(await journal.deployments.unfinished(key)),
      isWell: true,
    });
    const urls = release ? urlsOf(call.deps, release) : [];
    found.push({ key, release: serving?.release ?? null, state, urls, preview });
  }
  return found;
}
