import { Fault } from "../base/faults.ts";
import { newId } from "../base/ids.ts";
import { openValues } from "../engine/values.ts";
import type { AuditAction } from "../model/audit.ts";
import type { IdempotentOutcome } from "../model/claim.ts";
import { type Deployment, type DeploymentKind, newDeployment } from "../model/deployment.ts";
import { type Environment, type EnvKey, keyText } from "../model/environment.ts";
import {
  type Permit,
  parseReleaseName,
  type Release,
  releaseName,
  type SourceCommit,
  secretsOfRelease,
  serviceOf,
} from "../model/release.ts";
import type { Change } from "../ports/journal.ts";
import { type Call, environmentFor, environmentOf, stagedRelease } from "./access.ts";
import { audited } from "./audit.ts";
import { composeRelease, type LoadedManifest, loadedManifestOf, refuseTakenHosts } from "./compose.ts";
import { withGenerated } from "./generate.ts";
import { guard, refuseOthers, refuseUnfit } from "./guard.ts";
import { doneBy } from "./idempotency.ts";
import { promotionOf, refuseIncomplete } from "./promote.ts";
import { permitOf, refuseUnready } from "./readiness.ts";
import { liveReleasesSeen } from "./releases.ts";
import { givenValues, setValues, type ValuesToSet } from "./values.ts";

/** Description of a new release. */
export interface Described {
  readonly message?: string | null | undefined;
  readonly allow?: Permit | null | undefined;
}

/** Where code comes from, as far as is known. */
export interface GitOrigin {
  readonly branch?: string | null | undefined;
  readonly commit?: SourceCommit | null | undefined;
}

export type DeploymentOrder =
  | ({ readonly kind: "deploy" | "stage"; readonly source: string } & GitOrigin & Described)
  | { readonly kind: "staged" }
  | ({ readonly kind: "promote"; readonly from: string } & Described)
  | { readonly kind: "rollback"; readonly release?: string | undefined }
  | { readonly kind: "restart"; readonly services?: readonly string[] | undefined };

/**
 * Queues a deployment and returns it; the engine does the rest. Nothing is recorded unless it can begin. Faults: those
 * of `draftOf`, `promotionOf`, `guard`, `composeRelease` and `refuseUnready`, `route.host-taken`, `app.unknown`,
 * `release.unknown`, `release.none-before`, `release.incomplete`, `value.destroyed`, `service.unknown`.
 */
export function beginDeployment(call: Call, key: EnvKey, order: DeploymentOrder): Promise<Deployment> {
  return call.deps.engine.exclusively(key, () => begin(call, key, order));
}

async function begin(call: Call, key: EnvKey, order: DeploymentOrder): Promise<Deployment> {
  if (order.kind === "rollback") return rollback(call, key, order.release ?? null);
  if (order.kind === "restart") return restart(call, key, order.services ?? null);
  const { deps } = call;
  const environment = await environmentFor(deps, key);
  switch (order.kind) {
    case "deploy": {
      const loaded = await loadedManifestOf(deps, environment, order.source);
      return deploy(call, environment, { ...order, action: "deploy", loaded });
    }
    case "stage": {
      const loaded = await loadedManifestOf(deps, environment, order.source);
      return stage(call, environment, { ...order, action: "deploy", loaded });
    }
    case "staged": {
      const release = await stagedRelease(deps, environment);
      const { source, branch, commit, message } = release;
      const loaded = await loadedManifestOf(deps, environment, source);
      return deploy(call, environment, { action: "deploy", loaded, branch, commit, message, allow: permitOf(release) });
    }
    case "promote": {
      // It reads the values for builds, after authorisation: its answer would reveal them to others.
      await refuseOthers(call, key);
      const { message, ...code } = await promotionOf(call, environment, order.from);
      const said = { message: order.message ?? message, allow: order.allow };
      return deploy(call, environment, { ...code, ...said, action: "promote" });
    }
  }
}

async function deploy(call: Call, environment: Environment, code: Code): Promise<Deployment> {
  const { loaded, branch = null } = code;
  await guard(call, environment, { branch, protection: loaded.spec.protection });
  return deployCode(call, environment, { ...code, beside: prolonged(environment, call.deps.clock.now()) });
}

/**
 * Builds code and keeps it for a deployment of the kind `staged`, in place of what waited before; it is judged and
 * composed again then, with the values that are set by then. No confirmation is needed, because nothing that serves
 * changes; but its build gets the environment's secrets, so the code must be allowed to go live there.
 */
async function stage(call: Call, environment: Environment, code: Code): Promise<Deployment> {
  const { loaded, branch = null } = code;
  await refuseUnfit(call, environment, { branch, protection: loaded.spec.protection });
  return deployCode(call, environment, { ...code, kind: "stage" });
}

/** Extends a preview that people still work on: its lifetime counts from the last deployment of code. */
function prolonged({ key, preview }: Environment, now: number): readonly Change[] {
  return preview ? [{ kind: "preview", key, preview: { ...preview, endsAt: now + preview.ttlMs } }] : [];
}

/** Code to deploy or stage, with its options. */
export interface Code extends Described, GitOrigin {
  readonly kind?: "deploy" | "stage";
  /** Its action in the audit. */
  readonly action: AuditAction;
  readonly loaded: LoadedManifest;
  /** Set together with it. */
  readonly values?: ValuesToSet;
  /** Further changes in the same transaction. */
  readonly beside?: readonly Change[];
}

/** Makes a release of code and queues its deployment. Call it only inside `engine.alone`, and after `guard`. */
export async function deployCode(call: Call, environment: Environment, code: Code): Promise<Deployment> {
  const { deps } = call;
  const { key } = environment;
  const {
    kind = "deploy",
    action,
    loaded,
    message = null,
    branch = null,
    commit = null,
    allow = null,
    values = {},
    beside = [],
  } = code;
  const createdBy = call.actor.name;
  const number = (await deps.journal.releases.lastNumber(key)) + 1;
  const before = await givenValues(deps, environment);
  const set = await setValues(deps, { environment, given: before, by: createdBy }, values);
  const { given, change } = await withGenerated(deps, { environment, spec: loaded.spec }, set);
  const composed = composeRelease(deps, { key, loaded, number, given, createdBy, message, branch, commit });
  await refuseTakenHosts(deps, composed);
  const allowed = await refuseUnready(deps, { loaded, release: composed, given }, { allow, by: createdBy });
  const release = { ...composed, allowed };
  const detail = accountOf(release, kind);
  const account = audited(call, { action, key, names: [releaseName(number)], detail });
  // The staged code is either this code or older.
  const unstaged =
    kind === "deploy" && environment.staged !== null ? [{ kind: "staged", key, staged: null } as const] : [];
  const all = [...beside, ...(change ? [change] : []), ...unstaged, account];
  return queue(call, { environment, kind, release, isNew: true, services: null, beside: all });
}

/** Text for a release: that it was staged, its message, and the allowed rules. */
function accountOf({ message, allowed }: Release, kind: DeploymentKind): string {
  const [first] = allowed;
  const letPass = first && `allowed ${allowed.map(({ rule }) => rule).join(", ")}: ${first.because}`;
  return [kind === "stage" && "staged", message, letPass].filter((words) => words).join("; ");
}

async function rollback(call: Call, key: EnvKey, wanted: string | null): Promise<Deployment> {
  const { deps } = call;
  const environment = await environmentOf(call, key);
  await guard(call, environment);
  const number = await targetOf(call, environment, wanted);
  const release = await deps.journal.releases.find(key, number);
  if (!release) throw new Fault("release.unknown", `${keyText(key)} has no ${releaseName(number)}`);
  await refuseIncomplete(call, release);
  await openValues(deps, key, secretsOfRelease(release));
  const beside = [audited(call, { action: "rollback", key, names: [releaseName(number)] })];
  return queue(call, { environment, kind: "rollback", release, isNew: false, services: null, beside });
}

/**
 * The release to roll back to: the named one, which must have been live, or the newest live one before the current one.
 */
async function targetOf({ deps }: Call, { key, serving }: Environment, wanted: string | null): Promise<number> {
  const live = await deps.journal.releases.live(key, liveReleasesSeen);
  if (wanted !== null) {
    const number = parseReleaseName(wanted);
    if (number !== null && live.includes(number)) return number;
    throw new Fault("release.unknown", `${keyText(key)} never served ${wanted}`);
  }
  const before = serving ? live.filter((number) => number < serving.release) : live;
  if (before.length === 0)
    throw new Fault("release.none-before", `${keyText(key)} has no previous release that was live`);
  return serving ? Math.max(...before) : (before[0] ?? 0);
}

async function restart(call: Call, key: EnvKey, services: readonly string[] | null): Promise<Deployment> {
  const environment = await environmentOf(call, key);
  await guard(call, environment);
  const serving = environment.serving && (await call.deps.journal.releases.find(key, environment.serving.release));
  const hint = "Start it with `fairlead deploy`, or with `fairlead rollback` to a release that was live.";
  if (!serving) {
    throw new Fault("release.none-before", `${keyText(key)} serves nothing to restart`, { hint });
  }
  for (const name of services ?? []) {
    if (!serviceOf(serving, name)) throw new Fault("service.unknown", `${keyText(key)} has no service ${name}`);
  }
  const beside = [audited(call, { action: "restart", key, names: services ?? [] })];
  return queue(call, { environment, kind: "restart", release: serving, isNew: false, services, beside });
}

export interface Queueing {
  readonly environment: Environment;
  readonly kind: DeploymentKind;
  readonly release: Release;
  /** Whether the release is recorded with the deployment. */
  readonly isNew: boolean;
  readonly services: readonly string[] | null;
  /** Further changes in the same transaction. */
  readonly beside?: readonly Change[];
  /** The effect on its values. */
  readonly values?: IdempotentOutcome["changes"];
}

/** Records a deployment with everything that belongs to it, in one transaction. Call it only inside `engine.alone`. */
export async function queue(call: Call, queueing: Queueing): Promise<Deployment> {
  const { environment, release, isNew, beside = [], values = null } = queueing;
  const { key } = environment;
  const deployment = queued(call, queueing);
  const { createdAt: at, id, kind } = deployment;
  const name = releaseName(release.number);
  const event = { at, key, deployment: id, subject: name };
  const changes: Change[] = [...beside, ...doneBy(call, { deployment: id, changes: values })];
  if (isNew) {
    changes.push({ kind: "release", release });
    changes.push({ kind: "event", event: { ...event, kind: "release.created", detail: release.message ?? name } });
  }
  changes.push({ kind: "deployment", deployment });
  changes.push({ kind: "event", event: { ...event, kind: "deployment.queued", detail: `${kind} of ${name}` } });
  await call.deps.journal.commit(changes);
  return deployment;
}

function queued(call: Call, { environment, kind, release, services }: Queueing): Deployment {
  const createdAt = call.deps.clock.now();
  return newDeployment({
    id: newId("dep", createdAt),
    key: environment.key,
    kind,
    release: release.number,
    services,
    previous: environment.serving,
    createdAt,
    createdBy: call.actor.name,
  });
}
