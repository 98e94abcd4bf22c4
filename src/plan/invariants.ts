import { unreachable } from "../base/faults.ts";
import { keyOf, type PlanChange } from "../model/change.ts";
import { type Deployment, enteredAt, mayFollow } from "../model/deployment.ts";
import { keyText, sameKey } from "../model/environment.ts";
import type { ObservedInstance, TaskSpec } from "../model/instance.ts";
import type { Route } from "../model/route.ts";
import { checksOf, resultOf } from "./checks.ts";
import type { Roots, StoredContent } from "./collect.ts";
import { isDead } from "./converge.ts";
import { judgeGate } from "./gate.ts";
import { type Plan, type Snapshot, type Step, subjectOf } from "./plan.ts";
import { isDue } from "./preview.ts";
import { explained } from "./strangers.ts";
import { withUnreadable } from "./unreadable.ts";
import {
  factsOf,
  idOf,
  isGated,
  isRunning,
  isStaying,
  releaseOf,
  type Slot,
  serviceSpecOf,
  slotId,
  slotsOf,
  underWay,
} from "./view.ts";

/** A decision and its snapshot. */
export interface Decision {
  readonly s: Snapshot;
  readonly plan: Plan;
}

/** A property of every decision. `breach` returns what is wrong, or null. */
export interface Invariant {
  readonly name: string;
  breach(decision: Decision): string | null;
}

export const invariants: readonly Invariant[] = [
  { name: "1 routes point only at instances that passed their gate", breach: ungatedRoute },
  { name: "2 what serves keeps an upstream or a hold", breach: lostUpstream },
  { name: "2 what serves is not stopped", breach: stoppedServing },
  { name: "3 a single service has one instance", breach: secondSingle },
  { name: "4 a release command or check runs once", breach: secondCommand },
  { name: "5 only owned objects are touched", breach: foreignObject },
  { name: "5 data instances and unknown kinds are left alone", breach: endedForeigner },
  { name: "6 a failed deployment leaves what served", breach: lostServing },
  { name: "7 at rest only what serves is there", breach: leftovers },
  { name: "9 a deployment goes its way once", breach: strayDeployment },
  { name: "10 only what its checks let pass serves", breach: unchecked },
  { name: "9 a restart serves what served", breach: strayRestart },
  { name: "11 a preview ends when its time is over, and nothing of it is left", breach: undeadPreview },
];

/** The first invariant that a decision breaks, in words; null if none. */
export function breachOf({ s, plan }: Decision): string | null {
  const decision = { s: withUnreadable(explained(s)), plan };
  for (const { name, breach } of invariants) {
    const words = breach(decision);
    if (words !== null) return `${name}: ${words}`;
  }
  return null;
}

function changesOf(plan: Plan): readonly PlanChange[] {
  return plan.steps.flatMap((step) => (step.do === "record" ? step.changes : []));
}

function routesOf(step: Step): readonly Route[] {
  return step.do === "route" ? step.table.routes : [];
}

/** Facts after the plan's records are written, which happens before its other steps. */
function isGatedBy({ s, plan }: Decision, name: string): boolean {
  const noted = changesOf(plan).some(
    (change) => change.kind === "facts" && change.facts.name === name && change.facts.gatedAt !== null,
  );
  return noted || Boolean(factsOf(s, name)?.gatedAt);
}

function ungatedRoute(decision: Decision): string | null {
  const { s, plan } = decision;
  for (const { upstreams } of plan.steps.flatMap(routesOf)) {
    for (const { id, host, port } of upstreams) {
      const instance = s.instances.find(({ name }) => name === id);
      if (!instance) return `${id} does not exist`;
      if (!isGatedBy(decision, id)) return `${id} has not passed its gate`;
      if (instance.address?.host !== host || instance.address.port !== port) return `${id} is not at ${host}:${port}`;
    }
  }
  return falseGate(decision);
}

/** A gate may be recorded as passed only if it was. */
function falseGate({ s, plan }: Decision): string | null {
  for (const change of changesOf(plan)) {
    if (change.kind !== "facts" || change.facts.gatedAt === null) continue;
    const instance = s.instances.find(({ name }) => name === change.facts.name);
    if (!instance || isGated(s, instance)) continue;
    const service = serviceSpecOf(s, instance);
    const verdict = service && judgeGate(s, service, instance);
    if (verdict?.state !== "passed") return `${instance.name} is said to have passed its gate and did not`;
  }
  return null;
}

/** Services that must be reachable: routed by what serves, and not omitted by the release that takes over. */
export function requiredRoutes(s: Snapshot, underWay: Deployment | undefined): ReadonlySet<string> {
  if (s.environment.stopped) return new Set();
  const kept = takingOver(s, underWay);
  const required = slotsOf(s, s.environment.serving).filter(({ service }) => service.http !== null);
  return new Set(required.map(({ service }) => service.name).filter((name) => kept === null || kept.has(name)));
}

function takingOver(s: Snapshot, running: Deployment | undefined): ReadonlySet<string> | null {
  const isSwitched = running !== undefined && ["switch", "watch", "undo"].includes(running.phase);
  const release = isSwitched ? releaseOf(s, running.release) : undefined;
  return release ? new Set(release.services.filter(({ http }) => http).map(({ name }) => name)) : null;
}

function lostUpstream({ s, plan }: Decision): string | null {
  const running = underWay(s);
  const required = requiredRoutes(s, plannedDeployment(plan, running));
  const runs = (id: string) => s.instances.some((one) => one.name === id && isRunning(one));
  const isHeld = (route: Route | undefined) => (route?.holdMs ?? null) !== null;
  const serves = (route: Route | undefined) => route?.upstreams.some(({ id }) => runs(id)) ?? false;
  for (const step of plan.steps) {
    if (step.do !== "route" && step.do !== "unroute") continue;
    for (const name of required) {
      const before = s.edge.table?.routes.find((one) => one.service === name);
      const after = routesOf(step).find((one) => one.service === name);
      const served = serves(before) || isHeld(before);
      if (served && !serves(after) && !isHeld(after)) return `${name} loses its last upstream`;
    }
  }
  return null;
}

/** The place of an instance among those of what serves. */
function servingSlot(s: Snapshot, instance: ObservedInstance): Slot | undefined {
  if (s.environment.stopped) return undefined;
  return slotsOf(s, s.environment.serving).find((slot) => idOf(slot) === slotId(instance.identity));
}

function stoppedServing({ s, plan }: Decision): string | null {
  const commits = changesOf(plan).some((change) => change.kind === "serving");
  const running = underWay(s);
  for (const step of plan.steps) {
    if (step.do !== "signal" || commits) continue;
    const instance = s.instances.find(({ name }) => name === step.name);
    const slot = instance && servingSlot(s, instance);
    if (!instance || !slot || !isStaying(s, instance) || !isGated(s, instance) || isDead(s, slot, instance)) continue;
    const planned = plannedDeployment(plan, running);
    if (slot.service.single && planned?.exchanged.includes(slot.service.name)) continue;
    if (slot.service.http === null && planned?.phase === "watch") continue;
    return `${step.name} serves and gets ${step.signal}`;
  }
  return null;
}

/** A deployment after the plan is recorded. */
function plannedDeployment(plan: Plan, before: Deployment | undefined): Deployment | undefined {
  const written = changesOf(plan).flatMap((change) => (change.kind === "deployment" ? [change.deployment] : []));
  // If there is nothing to wait for, one plan takes it from the queue to its end.
  return written.find(({ id }) => id === (before?.id ?? plan.deployment)) ?? before;
}

function secondSingle({ s, plan }: Decision): string | null {
  const running = new Set(s.instances.filter(isRunning).map(({ identity }) => identity.service));
  for (const step of plan.steps) {
    if (step.do !== "start") continue;
    const { service, release } = step.instance.identity;
    const isSingle = releaseOf(s, release)?.services.some(({ name, single }) => name === service && single);
    if (isSingle && running.has(service)) return `${step.instance.name} is started beside another one`;
    running.add(service);
  }
  return null;
}

function secondCommand({ s, plan }: Decision): string | null {
  const idOf = ({ deployment, service, command }: Pick<TaskSpec, "deployment" | "service" | "command">) =>
    `${deployment} ${service} ${command.join(" ")}`;
  const begun = s.tasks.filter(({ spec }) => spec.purpose !== "run").map(({ spec }) => idOf(spec));
  for (const step of plan.steps) {
    if (step.do !== "run-task") continue;
    const id = idOf(step.task);
    if (begun.includes(id)) return `the ${step.task.purpose} ${id} was begun before`;
    begun.push(id);
  }
  return null;
}

function foreignObject({ s, plan }: Decision): string | null {
  if (s.isUnknown) return plan.steps.length > 0 ? `something is done in ${keyText(s.key)}, which nobody knows` : null;
  const stranger = plan.steps.find((step) => !isOwn(s, step));
  if (stranger) return `${stranger.do} of something that is not of ${keyText(s.key)}`;
  const stray = changesOf(plan).find((change) => !sameKey(keyOf(change), s.key));
  return stray ? `${stray.kind} of ${keyText(keyOf(stray))} is changed` : null;
}

function isOwn(s: Snapshot, step: Step): boolean {
  switch (step.do) {
    case "signal":
    case "remove":
      return [...s.instances, ...s.tasks, ...s.data].some(({ name }) => name === step.name);
    case "start":
      return sameKey(step.instance.identity.key, s.key);
    case "run-task":
      return sameKey(step.task.key, s.key);
    case "route":
      return step.table.owner === keyText(s.key);
    case "unroute":
      return step.owner === keyText(s.key);
    case "record":
    case "build":
    case "start-edge":
      return true;
    default:
      return unreachable(step);
  }
}

/** A data instance lives until a person removes it by name; what is of an unknown kind is for another version to end. */
function endedForeigner({ s, plan }: Decision): string | null {
  const kept = new Set([...s.data, ...s.unknownKinds].map(({ name }) => name));
  for (const step of plan.steps) {
    const isEnding = step.do === "signal" || step.do === "remove";
    if (isEnding && kept.has(step.name)) return `${step.do} of ${step.name}, which no plan may end`;
    if (step.do === "start" && kept.has(step.instance.name)) return `${step.instance.name} is started in its place`;
    if (step.do === "run-task" && kept.has(step.task.name)) return `${step.task.name} is started in its place`;
  }
  const retired = changesOf(plan).find(
    (change) => change.kind === "facts" && change.facts.retiredAt !== null && kept.has(change.facts.name),
  );
  return retired ? "it is written down that one of them must go" : null;
}

/** An expired preview is removed; only then may a plan change what serves without a deployment. */
function isTakenDown({ s, plan }: Decision): boolean {
  return isDue(s) && changesOf(plan).some(({ kind }) => kind === "preview.ended");
}

function lostServing({ s, plan }: Decision): string | null {
  if (isTakenDown({ s, plan })) return null;
  for (const change of changesOf(plan)) {
    if (change.kind !== "serving") continue;
    const deployment = underWay(s);
    const planned = plannedDeployment(plan, deployment);
    const commits = planned?.phase === "drain" || (planned?.phase === "ended" && planned.verdict === "live");
    if (!commits) return `what serves is changed in phase ${planned?.phase ?? "none"}`;
    if (change.serving?.release !== planned.release)
      return `v${change.serving?.release} would serve, not v${planned.release}`;
    // A restart of some services leaves the others, in whatever state they are.
    const before = s.environment.serving?.generations ?? {};
    const fresh = slotsOf(s, change.serving).filter((slot) => before[slot.service.name] !== slot.deployment);
    const missing = ungatedService({ s, plan }, fresh);
    if (missing !== null) return `v${planned.release} would serve, but ${missing} has no instance that passed its gate`;
  }
  return null;
}

/** A service without an instance that passed its gate; places that `scale` has just added may still be starting. */
function ungatedService(decision: Decision, slots: readonly Slot[]): string | null {
  const gated = decision.s.instances.filter((instance) => isGatedBy(decision, instance.name));
  const filled = new Set(gated.map((instance) => slotId(instance.identity)));
  const proven = new Set(slots.filter((slot) => filled.has(idOf(slot))).map((slot) => slot.service.name));
  return slots.find((slot) => !proven.has(slot.service.name))?.service.name ?? null;
}

function leftovers({ s, plan }: Decision): string | null {
  if (plan.steps.length > 0 || plan.againAfterMs !== null || s.isUnknown) return null;
  const open = s.deployments.filter(({ phase }) => phase !== "ended");
  if (open[0] && !waitsForReport(s, open))
    return `${open[0].id} is in phase ${open[0].phase}, and nothing will be looked at`;
  if (open.length > 0) return null;
  const places = slotsOf(s, s.environment.stopped ? null : s.environment.serving);
  const ids = new Set(places.map(idOf));
  const stray = s.instances.find((instance) => isRunning(instance) && !ids.has(slotId(instance.identity)));
  if (stray) return `${stray.name} runs and belongs to nothing that serves`;
  const empty = places.find(
    (slot) => !s.instances.some((one) => isRunning(one) && slotId(one.identity) === idOf(slot)),
  );
  return empty ? `${empty.service.name} ${empty.ordinal} has no instance` : null;
}

/** The runtime reports a task's end and an instance's changes, so a plan may wait for them without a timer. */
function waitsForReport(s: Snapshot, open: readonly Deployment[]): boolean {
  const runs = s.tasks.some((task) => task.exit === null) || s.instances.some(isRunning);
  return runs && open.some(({ phase }) => phase !== "queued");
}

function strayDeployment({ s, plan }: Decision): string | null {
  const serving = changesOf(plan).find((change) => change.kind === "serving");
  for (const change of changesOf(plan)) {
    if (change.kind !== "deployment") continue;
    const { deployment } = change;
    const before = s.deployments.find(({ id }) => id === deployment.id);
    const words = strayed(before ?? null, deployment);
    if (words !== null) return `${deployment.id} ${words}`;
    const commits = enteredAt(deployment, "drain") !== null && !(before && enteredAt(before, "drain") !== null);
    if (commits && serving === undefined)
      return `${deployment.id} passes its commit point, and nothing is written down to serve`;
  }
  return strayStaged({ s, plan });
}

/** Staged code was staged by the deployment that ends with it, and is built. */
function strayStaged({ s, plan }: Decision): string | null {
  const change = changesOf(plan).find(({ kind }) => kind === "staged");
  const planned = plannedDeployment(plan, underWay(s));
  const release = planned?.verdict === "staged" ? releaseOf(s, planned.release) : undefined;
  if (change?.kind !== "staged") return release ? `v${release.number} is staged, and nothing is written down` : null;
  if (change.staged !== release?.number) return `v${change.staged} waits, and was not staged`;
  const unbuilt = release?.artifacts.find(({ digest }) => s.artifacts[digest]?.state !== "built");
  return unbuilt ? `v${change.staged} waits, and ${unbuilt.digest} is not built` : null;
}

/** A restart never changes the release, however long it was queued. */
function strayRestart({ s, plan }: Decision): string | null {
  const before = s.environment.serving;
  const [after] = changesOf(plan).flatMap((change) => (change.kind === "serving" ? [change.serving] : []));
  const planned = plannedDeployment(plan, underWay(s));
  if (!before || !after || planned?.kind !== "restart" || after.release === before.release) return null;
  return `${planned.id} brings back v${after.release}`;
}

function undeadPreview({ s, plan }: Decision): string | null {
  if (isDue(s)) return isTakenDown({ s, plan }) ? null : "its time is over and it is not taken down";
  if (!s.environment.preview?.endedAt) return null;
  const began = plan.steps.find(({ do: kind }) => kind === "start" || kind === "build" || kind === "run-task");
  if (began) return `${subjectOf(began)} is begun after its end`;
  return plan.steps.some(({ do: kind }) => kind === "route") ? "something is routed after its end" : null;
}

/** How a deployment made an invalid change between two records; null if it did not. */
export function strayed(before: Deployment | null, after: Deployment): string | null {
  const last = after.history.at(-1);
  if (last?.phase !== after.phase) return `is in phase ${after.phase}, its history in ${last?.phase}`;
  const known = before?.history ?? [];
  if (known.some((entry, place) => after.history[place]?.phase !== entry.phase)) return "has another history";
  const added = after.history.slice(Math.max(0, known.length - 1));
  for (const [place, { phase }] of added.entries()) {
    const next = added[place + 1];
    if (next && !mayFollow(phase, next.phase)) return `goes from ${phase} to ${next.phase}`;
  }
  const [found, now] = [before?.checks ?? [], after.checks];
  if (found.some((one, place) => now[place]?.name !== one.name)) return "has lost what a check found";
  const names = now.map(({ when, service, name }) => `${when} ${service} ${name}`);
  if (new Set(names).size < names.length) return "has judged a check twice";
  if (before?.verdict && before.verdict !== after.verdict) return `was ${before.verdict} and becomes ${after.verdict}`;
  return after.phase === "ended" ? unsound(after) : null;
}

function unsound({ kind, verdict, fault, endedAt, history }: Deployment): string | null {
  if (verdict === null) return "ends without a verdict";
  if (endedAt === null) return "ends at no time";
  const isGood = verdict === (kind === "stage" ? "staged" : "live");
  if (isGood !== (fault === null)) return `ends ${verdict} with ${fault ? fault.code : "no fault"}`;
  const beyond =
    kind === "stage" && history.some(({ phase }) => !["queued", "prepare", "build", "ended"].includes(phase));
  if (beyond) return "is only staged, and went on after its build";
  const drained = history.some(({ phase }) => phase === "drain");
  return (verdict === "live") === drained ? null : `ends ${verdict} ${drained ? "after" : "without"} its commit point`;
}

/** A deployment of something new passes its commit point only with a result of every check, and none failed. */
function unchecked({ s, plan }: Decision): string | null {
  if (!changesOf(plan).some((change) => change.kind === "serving" && change.serving !== null)) return null;
  const running = underWay(s);
  const planned = plannedDeployment(plan, running);
  const release = planned && releaseOf(s, planned.release);
  if (!planned || !release || planned.kind !== "deploy") return null;
  const all = [...checksOf(release, "before"), ...checksOf(release, "after")];
  const open = all.find((due) => (resultOf(planned, due)?.outcome ?? "failed") === "failed");
  return open ? `${planned.id} goes live, and check ${open.check.name} of ${open.service.name} has not passed` : null;
}

/** Invariant 8: what is about to be collected although it is needed; null if nothing. */
export function collectedNeed(collected: readonly StoredContent[], roots: Roots): string | null {
  const need = ({ digest, what }: StoredContent) => (what === "source" ? roots.sources : roots.artifacts).has(digest);
  return collected.find(need)?.digest ?? null;
}
