import type { AuditEntryView } from "../contract/audit.ts";
import type { ChangeView, PlanAnswer } from "../contract/changes.ts";
import type { DeploymentDetail, DeploymentView } from "../contract/deployments.ts";
import type {
  ScaleDocument,
  SetValueView,
  VariableOrigins,
  VariablesDocument,
  VersionList,
} from "../contract/documents.ts";
import type { EventView } from "../contract/events.ts";
import type { StoredLogView } from "../contract/logs.ts";
import type { PreviewView } from "../contract/previews.ts";
import type { ReleaseView } from "../contract/releases.ts";
import type { EnvironmentView, InstanceView, StatusView } from "../contract/status.ts";
import type { TaskView } from "../contract/tasks.ts";
import type { TokenView } from "../contract/tokens.ts";
import type { AccessToken } from "../model/access-token.ts";
import type { AuditEntry } from "../model/audit.ts";
import { type Deployment, isOver } from "../model/deployment.ts";
import type { Preview } from "../model/environment.ts";
import type { Event } from "../model/event.ts";
import type { Exit, ObservedTask, Planned, TaskSpec } from "../model/instance.ts";
import type { StoredLine } from "../model/log.ts";
import { type Protection, releaseName } from "../model/release.ts";
import type { deploymentSteps } from "../usecases/deployments.ts";
import type { ScaledService } from "../usecases/documents.ts";
import type { Origin } from "../usecases/explain.ts";
import type { SeenInstance } from "../usecases/instances.ts";
import type { Outlook } from "../usecases/plan.ts";
import type { KnownRelease } from "../usecases/releases.ts";
import type { EnvironmentSummary, Status } from "../usecases/status.ts";
import type { KnownValue, Variables } from "../usecases/variables.ts";
import type { KnownVersion } from "../usecases/versions.ts";

/** RFC 3339 in UTC. */
export function timeText(at: number): string {
  return new Date(at).toISOString();
}

function timeOrNull(at: number | null): string | null {
  return at === null ? null : timeText(at);
}

function releaseOrNull(number: number | null | undefined): string | null {
  return number === null || number === undefined ? null : releaseName(number);
}

/** A deployment as of `now`: the end of one that is under way is now. */
export function deploymentView(deployment: Deployment, now: number): DeploymentView {
  const {
    id,
    key,
    kind,
    phase,
    services,
    gates,
    checks = [],
    fault,
    culprit,
    createdAt,
    createdBy,
    endedAt,
  } = deployment;
  return {
    id,
    ...key,
    kind,
    status: statusOf(deployment),
    phase,
    phases: deployment.history.map((entry) => ({ phase: entry.phase, at: timeText(entry.at) })),
    release: releaseName(deployment.release),
    previous: releaseOrNull(deployment.previous?.release),
    services: services && [...services],
    gates: gates.map(timed),
    checks: checks.map(timed),
    fault,
    culprit,
    createdAt: timeText(createdAt),
    createdBy,
    endedAt: timeOrNull(endedAt),
    durationMs: Math.max(0, (endedAt ?? now) - createdAt),
  };
}

/** The clock may have been set back meanwhile. */
function timed<T extends { readonly tookMs: number }>(one: T): T {
  return { ...one, tookMs: Math.max(0, one.tookMs) };
}

function statusOf(deployment: Deployment): DeploymentView["status"] {
  if (isOver(deployment)) return deployment.verdict ?? "failed";
  return deployment.phase === "queued" ? "queued" : "running";
}

type Step = Awaited<ReturnType<typeof deploymentSteps>>[number];

export function stepView({ id, what, subject, why, begunAt, endedAt, fault }: Step): DeploymentDetail["steps"][number] {
  return { id, what: stepWord(what), subject, why, begunAt: timeText(begunAt), endedAt: timeOrNull(endedAt), fault };
}

/** A step is kept as plain data, which holds the variables of an instance; only its word is shown. */
function stepWord(what: string): string {
  return /^\s*\{.*?"do"\s*:\s*"([a-z-]{1,40})"/s.exec(what)?.[1] ?? (/^[a-z-]{1,40}$/.test(what) ? what : "step");
}

export function releaseView({ release, serving, wasLive }: KnownRelease): ReleaseView {
  const { number, createdAt, createdBy, message, source, services, allowed = [], branch = null } = release;
  return {
    release: releaseName(number),
    createdAt: timeText(createdAt),
    createdBy,
    message,
    source,
    branch,
    serving,
    wasLive,
    allowed: allowed.map((one) => ({ ...one })),
    services: services.map(({ name, artifact, command, replicas, http, env }) => ({
      name,
      artifact,
      command: [...(command ?? [])],
      replicas,
      hosts: [...(http?.hosts ?? [])],
      variables: Object.keys(env).sort(),
    })),
  };
}

export function planView({ changes, warnings, summary }: Outlook): PlanAnswer {
  return { changes: changes.map((change): ChangeView => ({ ...change })), warnings: [...warnings], summary };
}

function instanceView({ instance, state, artifact, gate, usage }: SeenInstance): InstanceView {
  const { name, identity, address, startedAt } = instance;
  return {
    id: name,
    release: releaseName(identity.release),
    artifact,
    state,
    ready: state === "ready",
    url: address && `http://${address.host}:${address.port}`,
    startedAt: timeText(startedAt),
    restarts: identity.attempt,
    memoryBytes: usage && Math.round(usage.memoryBytes),
    cpuMs: usage && Math.round(usage.cpuMs),
    gate,
  };
}

export function statusView(
  {
    key,
    state,
    release,
    deployment,
    queue,
    services,
    urls,
    edge,
    logTrouble,
    maintenance,
    preview,
    protection,
    staged,
  }: Status,
  now: number,
): StatusView {
  return {
    ...key,
    state,
    release: releaseOrNull(release),
    deployment: deployment && deploymentView(deployment, now),
    queue: queue.map((one) => deploymentView(one, now)),
    services: services.map((service) => ({ ...service, instances: service.instances.map(instanceView) })),
    urls: [...urls],
    edge: { ...edge, since: edge.since === null ? null : timeText(edge.since) },
    logs: {
      behindSince: logTrouble && timeText(logTrouble.since),
      detail: logTrouble?.fault.detail ?? null,
    },
    maintenance: {
      on: maintenance.wanted !== null,
      closed: maintenance.closed,
      message: maintenance.wanted?.message ?? null,
      page: (maintenance.wanted?.page ?? null) !== null,
    },
    preview: preview && previewView(preview),
    protected: protection && protectionView(protection),
    staged: staged && {
      release: releaseName(staged.number),
      source: staged.source,
      message: staged.message,
      stagedAt: timeText(staged.createdAt),
      stagedBy: staged.createdBy,
    },
    jobs: [],
    data: [],
  };
}

export function environmentView({ key, release, state, urls, preview }: EnvironmentSummary): EnvironmentView {
  return {
    ...key,
    release: releaseOrNull(release),
    state,
    urls: [...urls],
    preview: preview && previewView(preview),
  };
}

export function previewView({ from, endsAt, endedAt }: Preview): PreviewView {
  return { from, endsAt: timeText(endedAt ?? endsAt) };
}

export function logView({ at, release, ...line }: StoredLine): StoredLogView {
  const { sequence, service, instance, stream, level, message } = line;
  return { time: timeText(at), service, instance, release: releaseName(release), stream, level, message, sequence };
}

export function eventView({ id, at, key, kind, deployment, subject, detail }: Event): EventView {
  return { id, time: timeText(at), ...key, kind, deployment, subject, detail };
}

export function auditView({ id, at, actor, action, key, names, detail }: AuditEntry): AuditEntryView {
  const { name: by, via, from } = actor;
  const { app = null, environment = null } = key ?? {};
  return { id, time: timeText(at), by, via, from, action, app, environment, names: [...names], detail };
}

function protectionView({ confirm, branches, who }: Protection): StatusView["protected"] {
  return { confirm, branches: branches && [...branches], who: who ? [...who] : null };
}

export function tokenView({ name, createdAt, createdBy, usedAt, expiresAt }: AccessToken): TokenView {
  const times = { createdAt: timeText(createdAt), usedAt: timeOrNull(usedAt), expiresAt: timeOrNull(expiresAt) };
  return { name, createdBy, ...times };
}

export function scaleView(services: readonly ScaledService[]): ScaleDocument {
  return { services: Object.fromEntries(services.map(({ name, ...counts }) => [name, counts])) };
}

export function setValuesView(values: Readonly<Record<string, KnownValue>>): Record<string, SetValueView> {
  const view = ({ version, digest, at, by, live }: KnownValue): SetValueView => {
    return { version, digest, setAt: timeText(at), setBy: by, state: live ? "live" : "staged" };
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, view(value)]));
}

export function originView({ set, refersTo, rules, ...rest }: Origin): VariableOrigins["services"][number] {
  return { ...rest, set: [...set], refersTo: [...refersTo], rules: [...rules] };
}

export function variablesView({ variables, effective, build }: Variables): VariablesDocument {
  const shown = (values: Variables["build"]) => {
    const each = Object.entries(values).map(([name, { set, ...rest }]) => [name, { ...rest, set: [...set] }]);
    return Object.fromEntries(each);
  };
  const services = Object.entries(effective).map(([service, values]) => [service, shown(values)]);
  return { variables: setValuesView(variables), effective: Object.fromEntries(services), build: shown(build) };
}

export function versionsView(versions: readonly KnownVersion[]): VersionList {
  return {
    items: versions.map(({ version, digest, at, by, state, releases }) => {
      return { version, digest, setAt: timeText(at), setBy: by, state, releases: releases.map(releaseName) };
    }),
  };
}

export function taskView(spec: Planned<TaskSpec>, observed: ObservedTask | null): TaskView {
  return {
    name: spec.name,
    service: spec.service,
    release: releaseName(spec.release),
    startedAt: timeOrNull(observed?.startedAt ?? null),
    exit: exitView(observed?.exit ?? null),
  };
}

function exitView(exit: Exit | null): TaskView["exit"] {
  return exit && { at: timeText(exit.at), code: exit.code, signal: exit.signal, reason: exit.reason };
}
