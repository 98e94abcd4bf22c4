import { backoff } from "../base/backoff.ts";
import { formatSize } from "../base/size.ts";
import { keyText } from "../model/environment.ts";
import {
  type InstanceSpec,
  instanceName,
  type ObservedInstance,
  type Planned,
  type RetireReason,
} from "../model/instance.ts";
import { confinementOf, internalHosts } from "../model/release.ts";
import type { Route, RouteTable, Upstream } from "../model/route.ts";
import { exitWords, judgeGate } from "./gate.ts";
import { leaversOf, leavingOf, type Wanted } from "./leaving.ts";
import type { Snapshot } from "./plan.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import { buildPollMs, clearTasks, killAgainMs } from "./tasks.ts";
import { isUnreadable } from "./unreadable.ts";
import {
  factsOf,
  idOf,
  instancesOf,
  isGated,
  isRunning,
  isStaying,
  nextIdentity,
  routedNow,
  type Slot,
  serviceSpecOf,
  slotId,
} from "./view.ts";

/** An instance that ran this long before it ended is not part of a crash loop (X030: the count resets after a stable time). */
export const stableAfterMs = 60_000;
/** Waiting time before a crashed instance is started again: doubles with every quick crash in a row. */
export const restartDelay = { first: 250, limit: 30_000 } as const;
/** Ended instances of one place that are kept to count the crashes. */
const keptAttempts = 8;
/** For an instance whose release is no longer known. */
const orphanStop = { signal: "SIGTERM", withinMs: 30_000, drainMs: 30_000 } as const;
/** An instance that cannot be inspected is inspected again after this. */
const lookAgainMs = 1_000;
/** SIGKILL ends what it can within milliseconds; a machine that swaps gets longer. */
const stuckAfterMs = 30_000;

/** Adds all steps that bring the environment closer to the desired state. */
export function converge(s: Snapshot, wanted: Wanted, builder: PlanBuilder): void {
  noteEnds(s, builder);
  noteGates(s, wanted, builder);
  noteDead(s, wanted, builder);
  const all = leavingOf(s, { wanted, deployment: builder.deployment });
  const leaving = all.flatMap(({ kind, seen }) => (kind === "service" ? [seen] : []));
  retire(s, leaving, builder);
  route(s, wanted.table, builder);
  for (const slot of wanted.slots) fill(s, slot, { wanted, builder });
  for (const instance of leaving) stop(s, instance, { table: wanted.table, builder });
  clear(s, wanted, builder);
  const tasks = all.flatMap(({ kind, seen }) => (kind === "task" ? [seen] : []));
  clearTasks(s, tasks, builder);
}

/** Everything to remove is removed or stuck, and the edge has the desired table. */
export function isTidy(s: Snapshot, wanted: Wanted): boolean {
  const isWaitedFor = (one: ObservedInstance) => isRunning(one) && !isStuck(s, one) && !isUnreadable(s, one);
  return isRouted(s, wanted.table) && !leaversOf(s, wanted).some(isWaitedFor);
}

/** Whether SIGKILL did not end an instance: it hangs in the kernel, and nobody knows for how long. */
export function isStuck(s: Snapshot, { exit, killedAt }: ObservedInstance): boolean {
  return exit === null && killedAt !== null && s.now - killedAt >= stuckAfterMs;
}

/** Whether the edge serves exactly this table. */
export function isRouted(s: Snapshot, table: RouteTable | null): boolean {
  return s.edge.up
    ? (s.edge.table?.version ?? null) === (table?.version ?? null)
    : table === null && s.edge.table === null;
}

/** Whether a place has an instance that passed its gate and stays. */
export function hasGated(s: Snapshot, slot: Slot): boolean {
  const isProven = (one: ObservedInstance) => isStaying(s, one) && isGated(s, one) && !isUnreadable(s, one);
  return instancesOf(s, slot).some(isProven);
}

function retireFacts(s: Snapshot, instance: ObservedInstance, because: RetireReason) {
  const gatedAt = factsOf(s, instance.name)?.gatedAt ?? null;
  const facts = { name: instance.name, gatedAt, retiredAt: s.now, retiredBecause: because };
  return { kind: "facts", key: s.key, facts } as const;
}

/** An unexpected end is recorded once. */
function noteEnds(s: Snapshot, builder: PlanBuilder): void {
  for (const instance of s.instances) {
    if (!instance.exit || factsOf(s, instance.name)?.retiredAt) continue;
    const words = exitWords(instance);
    builder.record(retireFacts(s, instance, "ended"), `${instance.name} ${words}`);
    builder.event("instance.exited", instance.name, `${instance.identity.service} ${words}`);
  }
}

function noteGates(s: Snapshot, wanted: Wanted, builder: PlanBuilder): void {
  for (const slot of wanted.slots) {
    for (const instance of instancesOf(s, slot)) {
      if (!isStaying(s, instance) || isGated(s, instance) || isUnreadable(s, instance)) continue;
      const verdict = judgeGate(s, slot.service, instance);
      if (verdict.state === "waiting") {
        builder.lookAgainIn(verdict.inMs);
        noteWarning(s, instance, { slot, warning: verdict.warning, builder });
      }
      if (verdict.state === "passed") noteGate(s, instance, { slot, gate: verdict.gate, builder });
      if (verdict.state === "failed" && !wanted.onTrial.has(idOf(slot))) {
        builder.record(retireFacts(s, instance, "not-ready"), verdict.fault.detail);
        builder.event("instance.not-ready", instance.name, verdict.fault.detail);
      }
    }
  }
}

function noteGate(
  s: Snapshot,
  instance: ObservedInstance,
  { slot, gate, builder }: { slot: Slot; gate: string; builder: PlanBuilder },
) {
  const facts = { name: instance.name, gatedAt: s.now, retiredAt: null, retiredBecause: null };
  builder.record({ kind: "facts", key: s.key, facts }, `${instance.name} passed its gate`);
  builder.event("instance.gated", instance.name, gate);
  const deployment = builder.deployment;
  if (!deployment || deployment.id !== slot.deployment) return;
  const tookMs = s.now - instance.startedAt;
  builder.change({
    gates: [...deployment.gates, { service: slot.service.name, instance: instance.name, gate, tookMs }],
  });
}

/** Reports what is wrong with a new instance before its time is over: once for each service of a deployment. */
function noteWarning(
  s: Snapshot,
  instance: ObservedInstance,
  { slot, warning, builder }: { slot: Slot; warning: string | undefined; builder: PlanBuilder },
) {
  const deployment = builder.deployment;
  if (!warning || deployment?.id !== slot.deployment) return;
  const service = slot.service.name;
  const { checks } = deployment;
  if (checks.some((one) => one.when === "gate" && one.service === service)) return;
  const tookMs = s.now - instance.startedAt;
  const result = { when: "gate", service, name: "port", outcome: "warned", tookMs, detail: warning } as const;
  builder.change({ checks: [...checks, result] });
}

export interface Sickness {
  readonly because: RetireReason;
  readonly words: string;
}

/** Why a running instance must be replaced: it does not answer, or uses too much memory. */
export function sicknessOf(s: Snapshot, slot: Slot, instance: ObservedInstance): Sickness | null {
  if (!isRunning(instance)) return null;
  const { http, memoryBytes } = slot.service;
  const used = s.memory[instance.name] ?? 0;
  if (memoryBytes !== null && used > memoryBytes) {
    return {
      because: "over-memory",
      words: `uses ${formatSize(used)} of memory and may use ${formatSize(memoryBytes)}`,
    };
  }
  const dead = http?.alive && (s.probes[instance.name]?.deadInRow ?? 0) >= http.alive.failures;
  return dead ? { because: "not-alive", words: `stopped answering ${http.alive?.path}` } : null;
}

/** Whether a running instance must be replaced. */
export function isDead(s: Snapshot, slot: Slot, instance: ObservedInstance): boolean {
  return sicknessOf(s, slot, instance) !== null;
}

function noteDead(s: Snapshot, wanted: Wanted, builder: PlanBuilder): void {
  for (const slot of wanted.slots) {
    for (const instance of instancesOf(s, slot)) {
      const sickness = sicknessOf(s, slot, instance);
      if (!sickness || !isStaying(s, instance) || !isGated(s, instance)) continue;
      const { because, words } = sickness;
      builder.record(retireFacts(s, instance, because), `${instance.name} ${words}`);
      builder.event("instance.not-alive", instance.name, `${slot.service.name} ${words}; it is replaced`);
    }
  }
}

function retire(s: Snapshot, leaving: readonly ObservedInstance[], builder: PlanBuilder): void {
  for (const instance of leaving) {
    if (factsOf(s, instance.name)?.retiredAt) continue;
    builder.record(retireFacts(s, instance, "unwanted"), `${instance.name} is no longer wanted`);
    builder.event(
      "instance.retired",
      instance.name,
      `${instance.identity.service} v${instance.identity.release} leaves`,
    );
  }
}

function route(s: Snapshot, table: RouteTable | null, builder: PlanBuilder): void {
  if (!s.edge.up) {
    // Also needed for stopping: whether the edge still routes to an instance is known only when it answers.
    if (!table && !s.instances.some((instance) => instance.address && isRunning(instance))) return;
    builder.do({ do: "start-edge", why: "the edge does not answer" });
    return builder.lookAgainIn(1_000);
  }
  if (isRouted(s, table)) return;
  if (table) builder.do({ do: "route", table, newcomers: newcomersOf(s, table), why: routeWords(table) });
  else builder.do({ do: "unroute", owner: keyText(s.key), why: "nothing is routed" });
}

function newcomersOf(s: Snapshot, { routes }: RouteTable): readonly Upstream[] {
  const routed = routedNow(s);
  return routes.flatMap(({ upstreams }) => upstreams.filter(({ id }) => !routed.has(id)));
}

function routeWords({ routes }: RouteTable): string {
  const words = ({ service, upstreams, holdMs }: Route) =>
    holdMs === null ? `${service} → ${upstreams.map((one) => one.id).join(", ") || "nobody"}` : `${service} held`;
  const open = routes.filter(({ maintenance }) => maintenance === null).map(words);
  const closed = routes.filter(({ maintenance }) => maintenance !== null).map(words);
  return [...open, ...(closed.length > 0 ? [`closed for maintenance: ${closed.join("; ")}`] : [])].join("; ");
}

/** Starts an instance in an empty place, at once or after its backoff. */
function fill(s: Snapshot, slot: Slot, { wanted, builder }: { wanted: Wanted; builder: PlanBuilder }): void {
  const there = instancesOf(s, slot);
  if (there.some((instance) => isStaying(s, instance))) return;
  if (wanted.onTrial.has(idOf(slot)) && there.some((instance) => !wasUnwanted(s, instance))) return;
  const others = [...s.instances, ...(s.unexplained ?? [])];
  if (slot.service.single && others.some((other) => sameService(other, slot) && isRunning(other))) return;
  const delay = restartDelayLeft(s, there);
  if (delay > 0) return builder.lookAgainIn(delay);
  if (isBuiltAgain(s, slot, builder)) return;
  const instance = plannedInstance(s, slot);
  builder.do({
    do: "start",
    instance,
    why: `${slot.service.name} v${slot.release.number} has no instance ${slot.ordinal}`,
  });
}

/**
 * Whether an instance waits for its artifact, which served before and is damaged or gone. Where it cannot be built, the
 * instance is started, so that its own end says what it lacks. What nobody looked at is taken to be there.
 */
function isBuiltAgain(s: Snapshot, { release, service }: Slot, builder: PlanBuilder): boolean {
  const state = s.artifacts[service.artifact]?.state;
  const artifact = release.artifacts.find(({ digest }) => digest === service.artifact);
  if (artifact === undefined || (state !== "absent" && state !== "building")) return false;
  const why = `${artifact.digest} is damaged or gone`;
  if (state === "absent") builder.do({ do: "build", artifact, release: release.number, why });
  builder.lookAgainIn(buildPollMs);
  return true;
}

/** Removed although nothing was wrong with it, by a smaller scale that was reverted: its end says nothing. */
export function wasUnwanted(s: Snapshot, instance: ObservedInstance): boolean {
  return factsOf(s, instance.name)?.retiredBecause === "unwanted";
}

function sameService(instance: ObservedInstance, slot: Slot): boolean {
  return instance.identity.service === slot.service.name;
}

/** Milliseconds until a place whose instances ended may be retried. */
function restartDelayLeft(s: Snapshot, there: readonly ObservedInstance[]): number {
  let quick = 0;
  for (const instance of there) {
    if (endOf(s, instance) - instance.startedAt >= stableAfterMs) break;
    if (!wasUnwanted(s, instance) || endedByItself(instance)) quick += 1;
  }
  const last = there[0];
  if (!last || quick === 0) return 0;
  return endOf(s, last) + backoff(quick, restartDelay) - s.now;
}

function endedByItself({ exit, stopSignalAt, killedAt }: ObservedInstance): boolean {
  return exit !== null && stopSignalAt === null && killedAt === null;
}

function endOf(s: Snapshot, instance: ObservedInstance): number {
  return instance.exit?.at ?? factsOf(s, instance.name)?.retiredAt ?? s.now;
}

export function plannedInstance(s: Snapshot, slot: Slot): Planned<InstanceSpec> {
  const identity = nextIdentity(s, slot);
  return {
    name: instanceName(identity),
    identity,
    artifact: slot.service.artifact,
    command: slot.service.command,
    env: slot.service.env,
    port: slot.service.http?.port ?? null,
    neighbours: internalHosts(slot.release),
    volumes: [],
    tcpPorts: [],
    ...confinementOf(slot.service),
  };
}

/** Ends an instance that is out of the routes: first its requests, then the stop signal, then SIGKILL. */
function stop(
  s: Snapshot,
  instance: ObservedInstance,
  { table, builder }: { table: RouteTable | null; builder: PlanBuilder },
): void {
  if (isUnreadable(s, instance)) return builder.lookAgainIn(lookAgainMs);
  const spec = serviceSpecOf(s, instance);
  const { signal, withinMs, drainMs } = spec?.stop ?? orphanStop;
  const retiredAt = factsOf(s, instance.name)?.retiredAt ?? s.now;
  if (instance.killedAt !== null) {
    if (s.now - instance.killedAt >= killAgainMs) {
      builder.do({ do: "signal", name: instance.name, signal: "SIGKILL", why: `${instance.name} still runs` });
    }
    return builder.lookAgainIn(killAgainMs);
  }
  if (instance.stopSignalAt !== null) {
    const left = instance.stopSignalAt + withinMs - s.now;
    if (left > 0) return builder.lookAgainIn(left);
    builder.do({ do: "signal", name: instance.name, signal: "SIGKILL", why: `${instance.name} did not end in time` });
    return builder.lookAgainIn(killAgainMs);
  }
  if (instance.address) {
    if (!s.edge.up || routedNow(s).has(instance.name)) return builder.lookAgainIn(1_000);
    const left = retiredAt + drainMs - s.now;
    const busy = (s.edge.stats[instance.name]?.active ?? 0) > 0;
    if (busy && left > 0 && !isHung(s, instance)) return builder.lookAgainIn(Math.min(left, drainPollMs));
  }
  if (isNeeded(instance, table)) return;
  builder.do({ do: "signal", name: instance.name, signal, why: `${instance.name} leaves` });
  builder.lookAgainIn(withinMs);
}

/** How often to check a draining instance: the edge does not report when the last request has ended. */
const drainPollMs = 100;

function isNeeded(instance: ObservedInstance, table: RouteTable | null): boolean {
  return table?.routes.some((one) => one.upstreams.some((upstream) => upstream.id === instance.name)) ?? false;
}

/** One that stopped answering will not finish its requests; one that uses too much memory must not be waited for. */
function isHung(s: Snapshot, instance: ObservedInstance): boolean {
  const because = factsOf(s, instance.name)?.retiredBecause;
  return because === "not-alive" || because === "over-memory";
}

/** Forgets ended instances that count for nothing any more, and facts without an instance. */
function clear(s: Snapshot, wanted: Wanted, builder: PlanBuilder): void {
  const places = new Map(wanted.slots.map((slot) => [idOf(slot), slot]));
  for (const instance of s.instances) {
    if (isRunning(instance) || !factsOf(s, instance.name)?.retiredAt) continue;
    const slot = places.get(slotId(instance.identity));
    if (slot && !isHistory(s, slot, { instance, builder })) continue;
    if (!slot && builder.deployment?.id === instance.identity.deployment && builder.deployment.phase !== "ended")
      continue;
    builder.do({ do: "remove", name: instance.name, why: `${instance.name} has ended` });
  }
  const all = [...s.instances, ...(s.unexplained ?? []), ...s.unreadable, ...s.unknownKinds];
  const present = new Set(all.map(({ name }) => name));
  for (const facts of s.facts) {
    if (present.has(facts.name)) continue;
    builder.record({ kind: "facts.forgotten", key: s.key, name: facts.name }, `${facts.name} is missing`);
  }
}

/** Whether an ended attempt no longer matters for the crash count of its place. */
function isHistory(
  s: Snapshot,
  slot: Slot,
  { instance, builder }: { instance: ObservedInstance; builder: PlanBuilder },
): boolean {
  const there = instancesOf(s, slot);
  const current = there.find((other) => isStaying(s, other));
  if (there.indexOf(instance) > keptAttempts) return true;
  if (!current || !isGated(s, current)) return false;
  const left = current.startedAt + stableAfterMs - s.now;
  if (left > 0) builder.lookAgainIn(left);
  return left <= 0;
}
