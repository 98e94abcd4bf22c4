import { setImmediate as settle } from "node:timers/promises";
import { Fault } from "../../base/faults.ts";
import type { EngineDeps } from "../../engine/engine.ts";
import type { EnvKey } from "../../model/environment.ts";
import { keyText } from "../../model/environment.ts";
import type { InstanceSpec, TaskSpec } from "../../model/instance.ts";
import { explain } from "../../plan/explain.ts";
import { timesWanted } from "../../plan/gate.ts";
import type { Plan, Snapshot } from "../../plan/plan.ts";
import type { Builder } from "../../ports/builder.ts";
import type { Edge } from "../../ports/edge.ts";
import type { Journal } from "../../ports/journal.ts";
import type { LogStore } from "../../ports/logs.ts";
import type { Prober } from "../../ports/prober.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { isReadyAt, wellBehaved } from "./behaviour.ts";
import { SimulatedBuilder } from "./builder.ts";
import { bystanders, placeBystanders } from "./bystanders.ts";
import { SimulatedClock } from "./clock.ts";
import { SimulatedEdge } from "./edge.ts";
import { SimulatedJournal } from "./journal.ts";
import { type CallResult, FaultyCalls } from "./line.ts";
import { SimulatedLogs } from "./logs.ts";
import { SimulatedProber } from "./prober.ts";
import { Random } from "./random.ts";
import { Referee } from "./referee.ts";
import { type Process, SimulatedRuntime } from "./runtime.ts";
import { behaviourNow, type Script, scriptKey, type WorldFault, writeScript } from "./script.ts";
import { SimulatedUsers } from "./users.ts";
import { SimulatedVault } from "./vault.ts";
import { lookBack } from "./verdict.ts";

export type Planner = (s: Snapshot) => Plan;

/** A controller as the simulation needs it; the engine is one. */
export interface Controller {
  start(): Promise<void>;
  exclusively<T>(key: EnvKey, change: () => Promise<T>): Promise<T>;
  plan(key: EnvKey): Promise<Plan>;
  observe(key: EnvKey): Promise<Snapshot>;
}

export interface WorldOptions {
  readonly seed: number;
  readonly plan: Planner;
  readonly boot: (ports: EngineDeps) => Controller;
  /** A planted bug between the controller and its ports. */
  readonly bend?: ((ports: EngineDeps) => EngineDeps) | undefined;
  /** Told what happens, line by line. */
  readonly notify?: ((line: string) => void) | undefined;
}

export interface SimulationResult {
  readonly seed: number;
  readonly faultSchedule: Script["faultSchedule"];
  /** The first breach of an invariant; null when all held. */
  readonly breach: string | null;
  readonly effects: number;
  readonly verdicts: readonly string[];
}

/** How long after the last trouble everything must have come to rest. */
const restWithinMs = 8 * 60_000;
/** How often it is asked whether it has. */
const askEveryMs = 5_000;

/** Questions whose contract says that they always get an answer. */
const neverThrows: ReadonlySet<string> = new Set(["prober.probe", "edge.observe"]);

/** One run of the real controller against a simulated world, the same every time for one seed. */
export async function simulate(options: WorldOptions): Promise<SimulationResult> {
  return new World(options).run();
}

class World {
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #script: Script;
  readonly #clock = new SimulatedClock();
  readonly #journal = new SimulatedJournal();
  readonly #logs = new SimulatedLogs(this.#clock);
  readonly #vault = new SimulatedVault();
  readonly #runtime: SimulatedRuntime;
  readonly #edge: SimulatedEdge;
  readonly #builder: SimulatedBuilder;
  readonly #prober: SimulatedProber;
  readonly #referee: Referee;
  readonly #users: SimulatedUsers;
  #line: FaultyCalls;
  #controller: Controller | null = null;
  /** How often a process of this name was started. */
  readonly #started = new Map<string, number>();
  #effects = 0;
  #visitedAt = 0;
  #hasJumped = false;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#script = writeScript(this.#random.fork());
    const clock = this.#clock;
    this.#runtime = new SimulatedRuntime({
      clock,
      behaviourOf: (spec) => this.#behaviourOf(spec),
      taskResult: (spec) => this.#taskResult(spec),
      reportDelay: () => this.#random.between(0, 40),
      happened: (event) => this.#happened(event),
    });
    this.#edge = new SimulatedEdge({
      clock,
      runtime: this.#runtime,
      happened: ({ what, byItself }) => {
        this.#tell(`edge ${what}`);
        if (what === "applied" || what === "removed") this.#referee.routed();
        else this.#referee.look(byItself ? "fault" : "engine");
      },
    });
    this.#builder = new SimulatedBuilder(clock, (digest) => {
      return { takesMs: this.#random.between(0, 120), fails: this.#users.flawOfArtifact(digest)?.what === "build" };
    });
    this.#prober = new SimulatedProber(clock, this.#runtime);
    const field = { key: scriptKey, clock, runtime: this.#runtime, edge: this.#edge, journal: this.#journal };
    this.#referee = new Referee(field);
    this.#users = new SimulatedUsers({
      ...field,
      vault: this.#vault,
      deploy: this.#script.deploy,
      random: this.#random.fork(),
      refused: (thrown) => this.#refused(thrown),
    });
    this.#journal.committed(() => this.#referee.read());
    this.#line = this.#newLine();
  }

  async run(): Promise<SimulationResult> {
    await this.#edge.ensure();
    await placeBystanders(this.#runtime);
    // In every second run the data instance crashes: that is for no plan to clear away either.
    if (this.#options.seed % 2 === 0) this.#clock.after(2_000, () => this.#runtime.endData(bystanders.data, null));
    this.#startController();
    const { actions, worldFaults, calmFrom, ttlMs } = this.#script;
    if (ttlMs !== null) await this.#journal.commit([this.#users.preview(ttlMs)]);
    for (const { at, action } of actions) {
      this.#clock.after(at, () => {
        this.#tell(`user: ${JSON.stringify(action)}`.slice(0, 160));
        if (this.#controller) this.#users.act(this.#controller, action, this.#through(this.#line).journal);
      });
    }
    for (const { at, worldFault } of worldFaults) this.#clock.after(at, () => this.#befall(worldFault));
    this.#clock.after(calmFrom, () => this.#calmDown());
    await this.#passUntil(() => this.#clock.elapsed >= calmFrom);
    if (!this.#referee.breach) await this.#comeToRest(calmFrom);
    if (!this.#referee.breach) await this.#lookBack();
    const verdicts = this.#journal.recordsOf(scriptKey).deployments.map(({ kind, verdict }) => `${kind} ${verdict}`);
    const { seed } = this.#options;
    return {
      seed,
      faultSchedule: this.#script.faultSchedule,
      breach: this.#referee.breach,
      effects: this.#effects,
      verdicts,
    };
  }

  get #isRough(): boolean {
    return this.#script.faultSchedule === "rough" && this.#clock.elapsed < this.#script.calmFrom;
  }

  async #passUntil(isOver: () => boolean): Promise<void> {
    while (!isOver() && !this.#referee.breach && this.#clock.nextAt() !== null) {
      this.#clock.step();
      this.#visit();
      await settle();
      this.#referee.look("fault");
    }
  }

  /** Clients ask ten times a second, all the time; how often it is checked makes no difference. */
  #visit(): void {
    const due = Math.min(10, Math.floor((this.#clock.elapsed - this.#visitedAt) / 100));
    for (let i = 0; i < due; i += 1) this.#edge.visit();
    if (due > 0) this.#visitedAt = this.#clock.elapsed;
  }

  async #comeToRest(from: number): Promise<void> {
    for (let at = from; at < from + restWithinMs; at += askEveryMs) {
      let isDue = false;
      this.#clock.after(at + askEveryMs - this.#clock.elapsed, () => {
        isDue = true;
      });
      await this.#passUntil(() => isDue);
      if (this.#referee.breach || (await this.#isAtRest())) return;
    }
    const plan = await this.#controller?.plan(scriptKey);
    this.#referee.report(`7 it does not come to rest: ${plan ? explain(plan).join(" | ") : "no controller"}`);
  }

  async #isAtRest(): Promise<boolean> {
    const open = this.#journal.recordsOf(scriptKey).deployments.some(({ phase }) => phase !== "ended");
    const plan = open ? null : await this.#controller?.plan(scriptKey);
    return plan?.steps.length === 0 && plan.againAfterMs === null && (await this.#knowsWhoIsWell());
  }

  /** Whether the controller has asked everybody who is well often enough to know it: else more follows by itself. */
  async #knowsWhoIsWell(): Promise<boolean> {
    const seen = await this.#controller?.observe(scriptKey);
    if (!seen) return false;
    return [...this.#runtime.processes.values()].every((process) => {
      const { exit, spec, behaviour, bestRow } = process;
      const release = seen.releases.find(({ number }) => number === spec.identity.release);
      const service = release?.services.find(({ name }) => name === spec.identity.service);
      if (exit || !service?.http || !isReadyAt(behaviour, this.#runtime.ageOf(process))) return true;
      const times = timesWanted(service);
      return bestRow < times || (seen.probes[spec.name]?.readyInRow ?? 0) >= times;
    });
  }

  async #lookBack(): Promise<void> {
    const words = lookBack({
      book: this.#journal.recordsOf(scriptKey),
      processes: [...this.#runtime.processes.values()],
      tasks: this.#runtime.tasks(),
      // One that is down routes nobody; when somebody starts it, the controller hears of it and checks its tables.
      table: this.#edge.up ? this.#edge.table(keyText(scriptKey)) : null,
      flaws: this.#users.flaws,
      isCalm: this.#script.faultSchedule === "calm",
      everStopped: this.#users.everStopped,
      started: this.#started,
      lines: this.#logs.writers(scriptKey),
      hasData: this.#runtime.data.has(bystanders.data),
      told: await this.#toldOf(bystanders.unknown),
      hasArtifact: (digest) => this.#builder.has(digest),
    });
    if (words !== null) this.#referee.report(words);
  }

  async #toldOf(name: string): Promise<number> {
    const events = await this.#journal.events.page({ key: scriptKey, after: 0, limit: 10_000 });
    return events.filter(({ kind, subject }) => kind === "instance.unknown" && subject === name).length;
  }

  #startController(): void {
    this.#journal.reopen();
    this.#referee.timeIsBroken ||= this.#hasJumped;
    const ports = this.#through(this.#line);
    const controller = this.#options.boot(this.#options.bend?.(ports) ?? ports);
    this.#controller = controller;
    const line = this.#line;
    // As the product does: a new controller first looks after the edge. One that does not start is retried by the loop.
    const edgeTried = ports.edge.ensure().catch(() => undefined);
    edgeTried.then(() => controller.start()).catch(() => line.cut());
  }

  #newLine(): FaultyCalls {
    const results = {
      ofEffect: (call: string) => this.#resultOf(call),
      ofQuestion: (call: string) => !neverThrows.has(call) && this.#isRough && this.#random.chance(0.002),
    };
    const line: FaultyCalls = new FaultyCalls(results, this.#clock, () => {
      this.#tell("the controller dies");
      this.#controller = null;
      this.#line = this.#newLine();
      this.#clock.after(this.#random.between(1, 1_500), () => this.#startController());
    });
    return line;
  }

  #resultOf(call: string): { result: CallResult; latencyMs: number } {
    this.#effects += 1;
    const isBefore = this.#random.chance(0.5);
    if (this.#effects === this.#script.crashAtEffect) {
      this.#tell(`dies ${isBefore ? "before" : "after"} ${call}`);
      return { result: isBefore ? "crash-before" : "crash-after", latencyMs: 0 };
    }
    if (!this.#isRough) return { result: "well", latencyMs: 0 };
    const latencyMs = this.#random.chance(0.3) ? this.#random.between(1, 60) : 0;
    if (!this.#random.chance(0.03)) return { result: "well", latencyMs };
    const picked = this.#random.pick<CallResult>(["crash-before", "crash-after", "refused", "reply-lost"]);
    // What a log store rejects it has not taken: that is its contract.
    const result = picked === "reply-lost" && call === "logs.append" ? "refused" : picked;
    this.#tell(`${call}: ${result}`);
    return { result, latencyMs };
  }

  #through(line: FaultyCalls): EngineDeps {
    return {
      journal: line.through<Journal>("journal", this.#journal, ["commit", "begin"]),
      runtime: line.through<Runtime>("runtime", this.#runtime, ["start", "startTask", "signal", "remove"]),
      edge: line.through<Edge>("edge", this.#edge, ["ensure", "apply", "remove"]),
      builder: line.through<Builder>("builder", this.#builder, ["build", "remove"]),
      prober: line.through<Prober>("prober", this.#prober, []),
      vault: this.#vault,
      logs: line.through<LogStore>("logs", this.#logs, ["append"]),
      clock: line.clock,
      log: { warn: (_about, message) => this.#tell(`warns: ${message}`), error: () => undefined },
      plan: (s) => this.#plan(line, s),
    };
  }

  #plan(line: FaultyCalls, s: Snapshot): Plan {
    const plan = this.#options.plan(s);
    if (line.isCut) return plan;
    if (plan.steps.length > 0 && this.#options.notify) this.#tell(explain(plan).join("\n          "));
    this.#referee.decided({ s, plan });
    return plan;
  }

  #behaviourOf(spec: InstanceSpec) {
    const flaw = this.#users.flawOf(spec.identity.release, spec.identity.service);
    const behaviour = behaviourNow(this.#random, { flaw, isRough: this.#isRough });
    return behaviour;
  }

  #taskResult(spec: TaskSpec) {
    const flaw = this.#users.flawOf(spec.release, spec.service)?.what;
    const takesMs = this.#random.between(1, 500);
    if (spec.purpose === "release") {
      return { takesMs: flaw === "release hangs" ? 3_600_000 : takesMs, code: flaw === "release command" ? 3 : 0 };
    }
    const fails = flaw === (spec.name.includes("-before.") ? "check before" : "check after");
    return { takesMs: flaw === "check hangs" ? 3_600_000 : takesMs, code: fails ? 1 : 0 };
  }

  #happened({ what, name, byItself }: { what: string; name: string; byItself: boolean }): void {
    this.#tell(`${what} ${name}${byItself ? " by itself" : ""}`);
    if (what === "start") {
      this.#started.set(name, (this.#started.get(name) ?? 0) + 1);
      this.#referee.started(name);
    }
    if (what === "signal") this.#referee.signalled(name);
    if (what === "remove") this.#referee.removed(name);
    if (what === "exit") this.#referee.ended(name, byItself);
    const task = what === "task" ? this.#runtime.tasks().find((one) => one.name === name) : undefined;
    if (task) this.#referee.begunTask(task.spec);
  }

  #befall(worldFault: WorldFault): void {
    this.#tell(`world fault: ${JSON.stringify(worldFault)}`);
    switch (worldFault.what) {
      case "crash":
        return this.#controller ? this.#line.cut() : undefined;
      case "kill":
        return this.#kill();
      case "edge dies":
        return this.#edge.die(worldFault.ms);
      case "edge refuses":
        return this.#edge.refuse(worldFault.ms);
      case "runtime away":
        this.#runtime.awayUntil = this.#clock.elapsed + worldFault.ms;
        return;
      case "logs full":
        this.#logs.fullUntil = this.#clock.elapsed + worldFault.ms;
        return;
      case "stuck":
      case "unreadable":
        return this.#afflict(worldFault.what, worldFault.ms);
      case "clock jumps":
        this.#hasJumped = true;
        return this.#clock.jump(worldFault.ms);
    }
  }

  /** Something happens to one of the processes. */
  #afflict(what: "stuck" | "unreadable", ms: number): void {
    const victim = this.#victim();
    if (!victim) return;
    const until = this.#clock.elapsed + ms;
    if (what === "stuck") victim.stuckUntil = until;
    else victim.unreadableUntil = until;
  }

  /** A call that was made to fail is no news; anything else that keeps people from their wish is a bug. */
  #refused(thrown: unknown): void {
    this.#tell(`refused: ${String(thrown)}`);
    const isInjected = this.#isRough && thrown instanceof Fault && thrown.code === "operation.failed";
    if (!isInjected) this.#referee.report(`users: ${String(thrown)}`);
  }

  #kill(): void {
    const victim = this.#victim();
    if (victim) this.#runtime.end(victim, { code: null, reason: "signalled", byItself: true });
  }

  #victim(): Process | undefined {
    const running = [...this.#runtime.processes.values()].filter((one) => !one.exit);
    return running[this.#random.between(0, Math.max(0, running.length - 1))];
  }

  /** From here on nothing goes wrong any more, and what was ill gets well. */
  #calmDown(): void {
    this.#clock.setRight();
    for (const one of this.#runtime.processes.values()) {
      if (!this.#users.isHopeless(one.spec.identity.release)) one.behaviour = { ...wellBehaved };
    }
  }

  #tell(line: string): void {
    this.#options.notify?.(`${String(this.#clock.elapsed).padStart(7)} ${line}`);
  }
}
