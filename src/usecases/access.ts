import { Fault } from "../base/faults.ts";
import type { Certificates, ControlLoop } from "../engine/engine.ts";
import type { Actor } from "../model/audit.ts";
import { type Environment, type EnvKey, keyText, newEnvironment } from "../model/environment.ts";
import type { Release } from "../model/release.ts";
import type { Builder } from "../ports/builder.ts";
import type { Clock } from "../ports/clock.ts";
import type { Edge } from "../ports/edge.ts";
import type { Journal } from "../ports/journal.ts";
import type { LogStore } from "../ports/logs.ts";
import type { AttachingRuntime } from "../ports/runtime.ts";
import type { Vault } from "../ports/vault.ts";

/** What the use cases work with. */
export interface Deps {
  readonly journal: Journal;
  readonly engine: ControlLoop;
  readonly builder: Builder;
  readonly runtime: AttachingRuntime;
  readonly vault: Vault;
  readonly logs: LogStore;
  readonly edge: Pick<Edge, "address" | "answer" | "secureAddress">;
  readonly certificates: Certificates;
  readonly clock: Clock;
}

/** One authorised request to a use case: src/http checks that once, by the action of the route. */
export interface Call {
  readonly deps: Deps;
  readonly actor: Actor;
  /** The name that was given to confirm the change of something protected. */
  readonly confirm: string | null;
  /** The Idempotency-Key of the request; null: none, or ignored. */
  readonly claim: string | null;
}

/** The environment of a key; faults: `app.unknown`. */
export async function environmentOf({ deps }: Call, key: EnvKey): Promise<Environment> {
  const environment = await deps.journal.environments.find(key);
  const hint = "Start it with `fairlead deploy`, or name another one with -a and -e.";
  if (!environment) throw new Fault("app.unknown", `nothing was ever deployed or set for ${keyText(key)}`, { hint });
  return environment;
}

/** The same, even before anything is recorded about it. */
export async function environmentFor({ journal }: Deps, key: EnvKey): Promise<Environment> {
  return (await journal.environments.find(key)) ?? newEnvironment(key);
}

/** The release whose code waits for an environment. Fault: `deploy.nothing-staged`. */
export async function stagedRelease({ journal }: Deps, { key, staged }: Environment): Promise<Release> {
  const release = staged === null ? null : await journal.releases.find(key, staged);
  if (release) return release;
  throw new Fault("deploy.nothing-staged", `no code is staged for ${keyText(key)}`);
}

/**
 * The release that an environment will serve: that of its newest running deployment, otherwise the live one; never one
 * that is only staged. A restart does not change the release.
 */
export async function newestRelease({ deps }: Call, { key, serving }: Environment): Promise<Release | null> {
  const goLive = (await deps.journal.deployments.unfinished(key)).filter(
    ({ kind, cancelRequested }) => kind !== "stage" && kind !== "restart" && !cancelRequested,
  );
  const wanted = goLive.at(-1)?.release;
  const number = wanted ?? serving?.release;
  return number === undefined ? null : deps.journal.releases.find(key, number);
}

/** The URL of a host for people and other services: through the edge, over TLS if it has a certificate. */
export function publicUrl({ edge, certificates }: Pick<Deps, "edge" | "certificates">, host: string): string {
  const secure = certificates.has(host) ? edge.secureAddress() : null;
  if (secure !== null) return secure.port === 443 ? `https://${host}` : `https://${host}:${secure.port}`;
  const { port } = edge.address();
  return port === 80 ? `http://${host}` : `http://${host}:${port}`;
}

/** What an environment has, with the revision of the environment, which is its ETag. */
export interface Revised<Content> {
  readonly revision: number;
  readonly content: Content;
}

/** Refuses a change of an environment that somebody else changed meanwhile (`document.stale`). */
export function refuseStale(environment: Environment, expected: number | null): void {
  if (expected === null || expected === environment.revision) return;
  throw new Fault(
    "document.stale",
    `${keyText(environment.key)} is at revision ${environment.revision}, not ${expected}`,
  );
}

/** `request.invalid` about one member of the request. */
export function invalid(path: string, message: string): Fault {
  return new Fault("request.invalid", `${path}: ${message}`, { diagnostics: [{ path, message }] });
}
