import { backoff } from "../../base/backoff.ts";
import type { Deployment, Phase } from "../../model/deployment.ts";
import { type EnvKey, keyText } from "../../model/environment.ts";
import type { TaskSpec } from "../../model/instance.ts";
import type { Route } from "../../model/route.ts";
import { restartDelay, stableAfterMs } from "../../plan/converge.ts";
import { timesWanted } from "../../plan/gate.ts";
import { breachOf, type Decision, requiredRoutes, strayed } from "../../plan/invariants.ts";
import { emptySnapshot, subjectOf } from "../../plan/plan.ts";
import { isBystander } from "./bystanders.ts";
import type { SimulatedClock } from "./clock.ts";
import type { SimulatedEdge } from "./edge.ts";
import type { EnvironmentRecords, SimulatedJournal } from "./journal.ts";
import type { Process, SimulatedRuntime } from "./runtime.ts";

export interface RefereeView {
  readonly key: EnvKey;
  readonly clock: SimulatedClock;
  readonly runtime: SimulatedRuntime;
  readonly edge: SimulatedEdge;
  readonly journal: SimulatedJournal;
}

/** How long the loop may need to notice what happened to an instance: three bad answers, each two seconds apart, and their timeouts. */
const noticeMs = 25_000;
/** The longest stay in a phase of the services here (`src/plan/deadlines.ts`), and what a controller that died may need. */
const longestStayMs = 32 * 60_000;
const stayMs: Partial<Record<Phase, number>> = {
  switch: 12 * 60_000,
  watch: 12 * 60_000,
  drain: 7 * 60_000,
  undo: 7 * 60_000,
};

/** No wait in these phases is shorter; a clock that is set must not make it so. */
const unhurried: readonly Phase[] = ["start", "gate", "switch"];
const soonestMs = 5 * 60_000;

/** The longest that it takes here to write a decision down. */
const writtenWithinMs = 100;

/** Plans with steps at one and the same moment, beyond which the loop is taken to run in circles. */
const roundsAtOnce = 100;

/** Watches the world from outside, by what is really so, and keeps the first breach of an invariant. */
export class Referee {
  readonly #field: RefereeView;
  #breach: string | null = null;
  /** Whether clients of a routed service find somebody who answers well, or are made to wait. */
  readonly #served = new Map<string, boolean>();
  readonly #troubleAt = new Map<string, number>();
  readonly #commands = new Set<string>();
  readonly #deployments = new Map<string, Deployment>();
  /** What was decided without a deployment, whose steps alone are recorded. */
  readonly #decided = new Set<string>();
  #rounds = { at: -1, count: 0 };
  /** Set once a controller began after the clock was set: it cannot know how old what it finds is. */
  timeIsBroken = false;
  /** Since when each deployment is in its phase, and each instance retired, in elapsed time. */
  readonly #since = new Map<string, number>();
  readonly #retiredAfter = new Map<string, number>();

  constructor(field: RefereeView) {
    this.#field = field;
  }

  get breach(): string | null {
    return this.#breach;
  }

  report(words: string): void {
    this.#breach ??= `at ${this.#field.clock.elapsed} ms: ${words}`;
  }

  /** Judges a decision before it is carried out. */
  decided(decision: Decision): void {
    const words = breachOf(decision);
    if (words !== null) this.report(words);
    if (decision.plan.steps.length === 0) return;
    if (decision.plan.deployment === null) {
      for (const step of decision.plan.steps) this.#decided.add(`${step.do} ${subjectOf(step)}`);
    }
    const at = this.#field.clock.elapsed;
    this.#rounds = this.#rounds.at === at ? { at, count: this.#rounds.count + 1 } : { at, count: 1 };
    if (this.#rounds.count > roundsAtOnce)
      this.report(`settles: ${roundsAtOnce} rounds at one moment: ${decision.plan.why}`);
  }

  started(name: string): void {
    this.#wantStep("start", name);
    const one = this.#process(name);
    if (!one) return;
    const { service } = one.spec.identity;
    const isSingle = this.#specOf(one)?.single ?? false;
    const others = [...this.#field.runtime.processes.values()].filter(
      (other) => !other.exit && sameService(other, one),
    );
    if (isSingle && others.length > 1) this.report(`3 single: ${service} runs ${others.length} times`);
    if (!this.timeIsBroken) this.#judgeRestart(one);
  }

  /** A place whose instances keep ending by themselves is filled again later and later. */
  #judgeRestart(one: Process): void {
    const before = [...this.#field.runtime.processes.values()]
      .filter((other) => other !== one && samePlace(other, one))
      .sort((a, b) => b.spec.identity.attempt - a.spec.identity.attempt);
    const stable = before.findIndex((other) => !crashedQuickly(other));
    const crashes = stable < 0 ? before.length : stable;
    const endedAfter = before[0]?.endedAfter ?? null;
    if (crashes === 0 || endedAfter === null) return;
    const waited = one.born - endedAfter;
    if (waited < backoff(crashes, restartDelay)) {
      this.report(`restart: ${one.spec.name} is started ${waited} ms after crash ${crashes}`);
    }
  }

  begunTask(spec: TaskSpec): void {
    this.#wantStep("run-task", spec.name);
    const id = `${spec.deployment} ${spec.service} ${spec.command.join(" ")}`;
    if (this.#commands.has(id)) this.report(`4 ${spec.purpose} of ${id} runs again`);
    this.#commands.add(id);
  }

  signalled(name: string): void {
    if (isBystander(name)) this.report(`5 ${name} is signalled`);
    this.#wantStep("signal", name);
    const one = this.#process(name);
    if (one && !this.timeIsBroken) this.#judgeSignal(one);
  }

  removed(name: string): void {
    if (isBystander(name)) this.report(`5 ${name} is removed`);
    this.#wantStep("remove", name);
  }

  ended(name: string, byItself: boolean): void {
    const service = this.#process(name)?.spec.identity.service;
    if (byItself && service !== undefined) this.#troubleAt.set(service, this.#field.clock.elapsed);
    this.look(byItself ? "fault" : "engine");
  }

  routed(): void {
    const table = this.#field.edge.table(keyText(this.#field.key));
    for (const { id } of table?.routes.flatMap((route) => route.upstreams) ?? []) {
      const one = this.#process(id);
      const spec = one && this.#specOf(one);
      if (!one || !spec) this.report(`1 route: ${id} does not exist`);
      else if (one.bestRow < timesWanted(spec))
        this.report(`1 route: ${id} answered well ${one.bestRow} times at most`);
    }
    this.look("engine");
  }

  /** Looks at every route. `because`: whose doing the last change was. */
  look(because: "engine" | "fault"): void {
    this.#judgeStay();
    const { edge, key } = this.#field;
    const routes = new Map((edge.table(keyText(key))?.routes ?? []).map((route) => [route.service, route]));
    for (const name of new Set([...routes.keys(), ...this.#served.keys()])) {
      const route = routes.get(name);
      const isServed = edge.up && route !== undefined && this.#isServed(route);
      const wasServed = this.#served.get(name) ?? false;
      this.#served.set(name, isServed);
      if (wasServed && !isServed && because === "engine" && !this.#isExcused(name)) {
        this.report(`2 outage: clients of ${name} find nobody`);
      }
    }
  }

  /** Follows the deployments as they are recorded. */
  read(): void {
    for (const deployment of this.#field.journal.recordsOf(this.#field.key).deployments) {
      const before = this.#deployments.get(deployment.id);
      if (before === deployment) continue;
      const words = before?.phase === "ended" ? "changed after its end" : strayed(before ?? null, deployment);
      if (words !== null) this.report(`9 ${deployment.id} ${words}`);
      if (before) this.#judgeDeadline(before, deployment);
      if (before?.phase !== deployment.phase) this.#since.set(deployment.id, this.#field.clock.elapsed);
      this.#deployments.set(deployment.id, deployment);
    }
    for (const { name, retiredAt } of this.#field.journal.recordsOf(this.#field.key).facts) {
      if (retiredAt !== null && !this.#retiredAfter.has(name)) this.#retiredAfter.set(name, this.#field.clock.elapsed);
    }
  }

  /** What is given up for taking too long did take long. */
  #judgeDeadline({ id, phase, fault: known }: Deployment, { fault }: Deployment): void {
    if (this.timeIsBroken || known || fault?.code !== "deployment.deadline" || !unhurried.includes(phase)) return;
    const stayed = this.#field.clock.elapsed - (this.#since.get(id) ?? 0);
    if (stayed < soonestMs) this.report(`9 ${id} is given up after ${stayed} ms in phase ${phase}`);
  }

  /** Every deployment continues in bounded time, whatever else happens. */
  #judgeStay(): void {
    for (const { id, phase } of this.#deployments.values()) {
      const limit = stayMs[phase] ?? longestStayMs;
      const stays = this.#field.clock.elapsed - (this.#since.get(id) ?? 0);
      if (phase !== "ended" && phase !== "queued" && stays > limit)
        this.report(`9 ${id} does not leave phase ${phase}`);
    }
  }

  #process(name: string): Process | undefined {
    return this.#field.runtime.processes.get(name);
  }

  #specOf({ spec }: Process) {
    const { releases } = this.#field.journal.recordsOf(this.#field.key);
    const release = releases.find(({ number }) => number === spec.identity.release);
    return release?.services.find(({ name }) => name === spec.identity.service);
  }

  #wantStep(what: string, subject: string): void {
    if (this.#decided.has(`${what} ${subject}`) || this.#field.journal.isUnderWay(what, subject)) return;
    this.report(`journal: ${what} ${subject} was not written down`);
  }

  #judgeSignal(one: Process): void {
    const { clock, journal, key, runtime } = this.#field;
    const after = (elapsed: number | null | undefined) => clock.elapsed - (elapsed ?? clock.elapsed);
    const stop = this.#specOf(one)?.stop;
    const facts = journal.recordsOf(key).facts.find(({ name }) => name === one.spec.name);
    if (!stop || !facts) return this.report(`journal: ${one.spec.name} is stopped, and it is not written down why`);
    if (one.killedAt !== null) {
      if (after(one.stoppedAfter) < stop.withinMs) this.report(`${one.spec.name} is killed too early`);
      return;
    }
    // One that stopped answering is not waited for, even when it comes to itself again.
    const isBusy = one.busyUntil > clock.elapsed && runtime.isWell(one) && facts.retiredBecause !== "not-alive";
    const drained = after(this.#retiredAfter.get(one.spec.name)) + writtenWithinMs;
    if (isBusy && drained < stop.drainMs) this.report(`drain: ${one.spec.name} is stopped with a request under way`);
  }

  #isServed(route: Route): boolean {
    if (route.holdMs !== null) return true;
    return route.upstreams.some(({ id }) => {
      const one = this.#process(id);
      return one !== undefined && this.#field.runtime.isWell(one);
    });
  }

  /** Nobody has to answer for a service, or something happened to its instances that the loop cannot know yet. */
  #isExcused(service: string): boolean {
    const { journal, key, clock, runtime } = this.#field;
    if (clock.elapsed - (this.#troubleAt.get(service) ?? Number.NEGATIVE_INFINITY) < noticeMs) return true;
    const processes = [...runtime.processes.values()].filter(({ spec }) => spec.identity.service === service);
    if (processes.some((one) => !one.exit && one.bestRow > 0 && !runtime.isWell(one))) return true;
    const s = snapshotOf(key, journal.recordsOf(key));
    const underWay = s.deployments.find(({ phase }) => phase !== "queued");
    return !requiredRoutes(s, underWay).has(service);
  }
}

function samePlace(a: Process, b: Process): boolean {
  const [one, other] = [a.spec.identity, b.spec.identity];
  const isSameRelease = one.release === other.release && one.deployment === other.deployment;
  return sameService(a, b) && isSameRelease && one.ordinal === other.ordinal;
}

function crashedQuickly({ born, endedAfter, startedAt, exit, stopSignalAt, killedAt }: Process): boolean {
  const isAsked = stopSignalAt !== null || killedAt !== null;
  if (endedAfter === null || exit === null || isAsked) return false;
  // The engine knows what the machine's clock says; one that was set forward makes a short life a long one.
  return Math.max(endedAfter - born, exit.at - startedAt) < stableAfterMs;
}

function sameService(a: Process, b: Process): boolean {
  const [one, other] = [a.spec.identity, b.spec.identity];
  return one.service === other.service && keyText(one.key) === keyText(other.key);
}

/** As much of a snapshot as the journal alone can tell. */
function snapshotOf(key: EnvKey, { environment, releases, deployments }: EnvironmentRecords): Decision["s"] {
  const open = deployments.filter(({ phase }) => phase !== "ended");
  return { ...emptySnapshot(key, 0), ...(environment && { environment }), releases, deployments: open };
}
