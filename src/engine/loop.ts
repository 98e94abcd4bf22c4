import { backoff } from "../base/backoff.ts";
import { formatDuration } from "../base/duration.ts";
import { asFault, Fault } from "../base/faults.ts";
import { type EnvKey, isDestroyed, isThere, keyText } from "../model/environment.ts";
import type { Usage } from "../model/instance.ts";
import { planBlind } from "../plan/blind.ts";
import type { Plan, Snapshot, Step } from "../plan/plan.ts";
import { type Refusal, refusalNow, refusalOf } from "../plan/refusal.ts";
import type { ControlLoop, EngineDeps } from "./engine.ts";
import { execute, type StepScope } from "./execute.ts";
import { LogIngest } from "./ingest.ts";
import { Observer } from "./observe.ts";
import { type ReconcileOutcome, Reconciler } from "./reconciler.ts";
import { Redactors } from "./redaction.ts";
import { startRetention } from "./retention.ts";
import { openSensors, readSensors } from "./sensors/register.ts";
import { Times } from "./times.ts";
import { reportUnknown } from "./unknown.ts";

/** Delay between attempts after a fault. */
const retryDelay = { first: 100, limit: 10_000 } as const;
/** Rounds of one reconcile before others get their turn; a deployment needs about a dozen. */
const roundsAtOnce = 50;
/** Time limit of an observation; adapters have their own, shorter limits. */
const lookWithinMs = 60_000;
/** Delay after a round whose steps changed nothing, like SIGKILL for a process that hangs in the kernel. */
const stalledDelay = { first: 50, limit: 10_000 } as const;

/** State of an environment between two reconciles. */
interface Remembered {
  readonly key: EnvKey;
  refusal: Refusal | null;
  /** Steps that change nothing, and how often they were executed. */
  stalled: { readonly signature: string; readonly times: number } | null;
}

/** Builds the loop: observe → plan → execute for every key, one at a time per key, keys in parallel. */
export function createEngine(deps: EngineDeps): ControlLoop {
  return new ReconcileLoop(deps);
}

class ReconcileLoop implements ControlLoop {
  readonly #deps: EngineDeps;
  readonly #observer: Observer;
  readonly #redactors: Redactors;
  readonly #sensors: ReturnType<typeof openSensors>;
  readonly #ingest: LogIngest;
  readonly #reconciler: Reconciler<EnvKey>;
  readonly #times: Times;
  readonly #remembered = new Map<string, Remembered>();
  #stops: (() => void)[] = [];
  #stopRetention: () => Promise<void> = async () => undefined;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    this.#times = new Times(deps.clock);
    this.#reconciler = new Reconciler({
      clock: deps.clock,
      nameOf: keyText,
      reconcile: (key) => this.#reconcile(key),
      retryAfterMs: (tries) => backoff(tries, retryDelay),
      warn: (key, fault) => this.#warn(key, fault),
    });
    const failed = (key: EnvKey, thrown: unknown) => this.#warn(key, asFault(thrown));
    const redactors = new Redactors(deps);
    this.#redactors = redactors;
    this.#observer = new Observer({ ...deps, redactors });
    this.#ingest = new LogIngest({ ...deps, redactors });
    const changed = (key: EnvKey) => this.#reconciler.trigger(key);
    this.#sensors = openSensors({ ...deps, redactors, failed, changed }, this.#ingest);
  }

  async start(): Promise<void> {
    const { journal, runtime, edge } = this.#deps;
    const written = [...(await journal.environments.all()), ...(await journal.environments.endedPreviews())].map(
      (one) => one.key,
    );
    const keys = [...written, ...(await runtime.keys())];
    for (const key of keys) this.#reconciler.trigger(key);
    void reportUnknown(this.#deps).catch((thrown) => this.#deps.log.warn({}, asFault(thrown).detail));
    this.#stops = [
      runtime.changes(({ key, name, what }) => {
        if (what === "state") this.#reconciler.trigger(key);
        this.#ingest.takeSoon(name);
      }),
      edge.changes(() => {
        for (const { key } of this.#remembered.values()) this.#reconciler.trigger(key);
      }),
    ];
    this.#stopRetention = startRetention(this.#deps, {
      sweep: () => this.#ingest.sweep(),
      exclusively: (key, work) => this.#reconciler.exclusively(key, work),
      forgotten: (key) => this.#forget(key),
    });
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    await Promise.all([this.#reconciler.close(), this.#stopRetention()]);
    await Promise.all(Object.values(this.#sensors).map((sensor) => sensor.close()));
  }

  exclusively<T>(key: EnvKey, change: () => Promise<T>): Promise<T> {
    return this.#reconciler.exclusively(key, async () => {
      try {
        return await change();
      } finally {
        this.#reconciler.trigger(key);
      }
    });
  }

  async observe(key: EnvKey): Promise<Snapshot> {
    const seen = this.#times.corrected(
      await this.#inTime(this.#observer.observe(key, readSensors(this.#sensors, key))),
    );
    const s = { ...seen, refusal: refusalNow(seen, this.#remembered.get(keyText(key))?.refusal ?? null) };
    // What is about to be started must be whole. At rest nobody looks at artifacts: that reads every name in them.
    const started = this.#deps.plan(s).steps.flatMap((step) => (step.do === "start" ? [step.instance] : []));
    return started.length === 0 ? s : { ...s, artifacts: await this.#inTime(this.#observer.artifactsOf(s, started)) };
  }

  /** Every observation ends, with an answer or as unanswered. */
  #inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Fault("operation.failed", `no answer within ${formatDuration(lookWithinMs)}`));
      const callOff = this.#deps.clock.after(lookWithinMs, late);
      answer.finally(callOff).then(resolve, reject);
    });
  }

  async plan(key: EnvKey): Promise<Plan> {
    return this.#deps.plan(await this.observe(key));
  }

  usage(instance: string): Promise<Usage | null> {
    return this.#deps.runtime.usage(instance);
  }

  #rememberedOf(key: EnvKey): Remembered {
    const known = this.#remembered.get(keyText(key));
    if (known) return known;
    const fresh: Remembered = { key, refusal: null, stalled: null };
    this.#remembered.set(keyText(key), fresh);
    return fresh;
  }

  /** Removes state of an environment that no longer exists: names of previews come and go. One destroyed is forgotten. */
  async #letGo(s: Snapshot): Promise<void> {
    const workloads = [s.instances, s.data, s.tasks, s.unreadable, s.unknownKinds];
    const left = [...workloads, s.deployments].some((some) => some.length > 0);
    if (left || s.edge.table !== null || (!s.isUnknown && isThere(s.environment))) return;
    this.#remembered.delete(keyText(s.key));
    this.#times.forget(s.key);
    const { endedAt = null } = s.environment.preview ?? {};
    if (s.isUnknown || !isDestroyed(s.environment) || endedAt === null) return;
    await this.#deps.logs.cap(0, [s.key]);
    await this.#deps.journal.forget(s.key, endedAt + 1);
    this.#forget(s.key);
  }

  /** Release numbers may start again. */
  #forget(key: EnvKey): void {
    this.#remembered.delete(keyText(key));
    this.#times.forget(key);
    this.#observer.forget();
    this.#redactors.forget();
  }

  /** Rounds of observing and acting until nothing is left to do, or it is the turn of others. */
  async #reconcile(key: EnvKey): Promise<ReconcileOutcome> {
    const state = this.#rememberedOf(key);
    let before = "";
    for (let round = 0; round < roundsAtOnce && !this.#reconciler.isClosed; round += 1) {
      let decided: { s: Snapshot; plan: Plan };
      try {
        const s = await this.observe(state.key);
        for (const sensor of Object.values(this.#sensors)) sensor.watch(s);
        decided = { s, plan: this.#deps.plan(s) };
      } catch (thrown) {
        return { kind: "retry", fault: await this.#decideBlind(state, asFault(thrown)) };
      }
      const { s, plan } = decided;
      if (plan.steps.length === 0) {
        if (plan.againAfterMs === null) await this.#letGo(s);
        return atRest(plan);
      }
      const signature = JSON.stringify(plan.steps);
      if (signature === before) return { kind: "again", afterMs: stalledFor(state, signature) };
      before = signature;
      const fault = await this.#execute(state, s, plan);
      if (fault) return { kind: "retry", fault };
    }
    return { kind: "again", afterMs: 0 };
  }

  /** What can end although nothing can be observed; returns the fault to report. */
  async #decideBlind(state: Remembered, why: Fault): Promise<Fault> {
    try {
      const s = this.#times.corrected(await this.#observer.remember(state.key), false);
      return (await this.#execute(state, s, planBlind(s, why.toRecord()))) ?? why;
    } catch (thrown) {
      return asFault(thrown);
    }
  }

  /**
   * Executes the steps of a plan in order and returns the first fault. A step depends on the observation and on the
   * plan's records, never on another step, so a failed one does not block the others, and consecutive steps of one kind
   * run in parallel if each is waited for (a container takes a third of a second to start).
   */
  async #execute(state: Remembered, s: Snapshot, plan: Plan): Promise<Fault | null> {
    let first: Fault | null = null;
    for (const group of groupsOf(plan.steps)) {
      if (this.#reconciler.isClosed) return first;
      const whose = { key: s.key, deployment: plan.deployment };
      const faults = await Promise.all(group.map((step) => this.#executeStep(whose, step)));
      for (const [place, fault] of faults.entries()) {
        const step = group[place];
        if (fault && step) state.refusal = refusalOf({ s, plan }, step, fault.toRecord()) ?? state.refusal;
        // They get traffic now, or a foreign process was found at the address of one.
        if (step?.do === "route") this.#sensors.probes.doubt(s.key, step.newcomers);
        first ??= fault;
      }
      if (faults[0] && group[0]?.do === "record") return faults[0];
    }
    return first;
  }

  async #executeStep(whose: StepScope, step: Step): Promise<Fault | null> {
    const takeOutput = (name: string) => this.#ingest.finish(name);
    const forgetOutput = (name: string) => this.#ingest.forget(name);
    const beginOutput = (name: string) => forgetOutput(name).catch((thrown) => this.#warn(whose.key, asFault(thrown)));
    try {
      await execute({ ...this.#deps, takeOutput, forgetOutput, beginOutput }, whose, step);
      return null;
    } catch (thrown) {
      return asFault(thrown);
    }
  }

  #warn(key: EnvKey, fault: Fault): void {
    this.#deps.log.warn({ key: keyText(key), code: fault.code, cause: fault.cause }, fault.detail);
  }
}

/** Delay if the same steps change nothing again. */
function stalledFor(state: Remembered, signature: string): number {
  const times = state.stalled?.signature === signature ? state.stalled.times + 1 : 1;
  state.stalled = { signature, times };
  return backoff(times, stalledDelay);
}

const sideBySide: readonly Step["do"][] = ["start", "signal", "remove"];

/** The steps in order, with consecutive ones of one kind grouped if they may run in parallel. */
function groupsOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  const groups: Step[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (last && sideBySide.includes(step.do) && last[0]?.do === step.do) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

function atRest(plan: Plan): ReconcileOutcome {
  return plan.againAfterMs === null ? { kind: "done" } : { kind: "again", afterMs: plan.againAfterMs };
}
