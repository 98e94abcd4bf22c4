import { Fault } from "../../base/faults.ts";
import { type EnvKey, keyText, sameKey } from "../../model/environment.ts";
import type {
  Address,
  Exit,
  InstanceSpec,
  ObservedInstance,
  ObservedTask,
  TaskSpec,
  Usage,
} from "../../model/instance.ts";
import type { DataSpec, ObservedData, UnknownWorkload } from "../../model/workload.ts";
import type {
  ObservedWorld,
  Output,
  OutputRange,
  Runtime,
  RuntimeChange,
  Stranger,
  Volumes,
} from "../../ports/runtime.ts";
import { type Behaviour, isReadyAt } from "./behaviour.ts";
import type { SimulatedClock } from "./clock.ts";

/** A process of the simulation, with what only the simulation knows of it. */
export interface Process {
  readonly spec: InstanceSpec;
  behaviour: Behaviour;
  readonly startedAt: number;
  /** Elapsed time of its start. */
  readonly born: number;
  readonly address: Address | null;
  stopSignalAt: number | null;
  killedAt: number | null;
  exit: Exit | null;
  /** Good readiness answers in a row that were really given, now and at best. */
  readyInRow: number;
  bestRow: number;
  /** Until when a client's request is under way, in elapsed time. */
  busyUntil: number;
  /** Until when nothing ends it, in elapsed time: it hangs in the kernel. */
  stuckUntil: number;
  /** Until when nobody can look at it, in elapsed time. */
  unreadableUntil: number;
  /** Elapsed times of the stop signal and of its end. */
  stoppedAfter: number | null;
  endedAfter: number | null;
}

export interface TaskResult {
  readonly takesMs: number;
  readonly code: number;
}

export interface RuntimeOptions {
  readonly clock: SimulatedClock;
  readonly behaviourOf: (spec: InstanceSpec) => Behaviour;
  readonly taskResult: (spec: TaskSpec) => TaskResult;
  /** How late a change is reported; the contract allows a second. */
  readonly reportDelay: () => number;
  /** Told of everything that happens, at once. `byItself`: nobody asked for it. */
  readonly happened: (event: {
    readonly what: "start" | "task" | "signal" | "remove" | "exit";
    readonly name: string;
    readonly byItself: boolean;
  }) => void;
}

/** Processes that exist only in memory, and outlive every controller. */
export class SimulatedRuntime implements Runtime {
  readonly capsMemory = false;
  /** No plan makes or removes one. */
  readonly volumes: Volumes = {
    ensure: async ({ name }) => this.#reported("start", name, false),
    list: async () => [],
    remove: async ({ name }) => this.#reported("remove", name, false),
  };
  readonly innerHost = (key: EnvKey, service: string) => `${service}.${key.app}.internal`;
  readonly #options: RuntimeOptions;
  /** Of services. */
  readonly processes = new Map<string, Process>();
  readonly data = new Map<string, ObservedData>();
  unknownKinds: readonly UnknownWorkload[] = [];
  readonly #tasks = new Map<string, ObservedTask>();
  readonly #listeners = new Set<(change: RuntimeChange) => void>();
  #nextPort = 20_000;
  /** Until when it cannot be observed, in elapsed time. */
  awayUntil = 0;

  constructor(options: RuntimeOptions) {
    this.#options = options;
  }

  async observe(key: EnvKey): Promise<ObservedWorld> {
    const { elapsed } = this.#options.clock;
    if (elapsed < this.awayUntil) throw new Fault("engine.unreachable", "the container engine does not answer");
    const all = [...this.processes.values()].filter(({ spec }) => sameKey(spec.identity.key, key));
    const instances = all.filter((one) => one.exit || elapsed >= one.unreadableUntil);
    const unreadable = all
      .filter((one) => !instances.includes(one))
      .map(({ spec: { name, identity } }) => ({ name, identity, why: "it cannot be inspected" }));
    const tasks = [...this.#tasks.values()].filter(({ spec }) => sameKey(spec.key, key));
    const data = [...this.data.values()].filter(({ identity }) => sameKey(identity.key, key));
    const unknownKinds = this.unknownKinds.filter((one) => sameKey(one.key, key));
    const inside = { callers: ["127.0.0.0/8"], doors: [] };
    return { instances: instances.map(seen), data, tasks, unreadable, unknownKinds, inside };
  }

  async keys(): Promise<readonly EnvKey[]> {
    const keys = new Map<string, EnvKey>();
    for (const { spec } of this.processes.values()) keys.set(keyText(spec.identity.key), spec.identity.key);
    const data = [...this.data.values()].map(({ identity }) => identity);
    const tasks = [...this.#tasks.values()].map(({ spec }) => spec);
    for (const { key } of [...tasks, ...data, ...this.unknownKinds]) keys.set(keyText(key), key);
    return [...keys.values()];
  }

  async start(spec: InstanceSpec | DataSpec): Promise<void> {
    if (isData(spec)) this.#startData(spec);
    else this.#startService(spec);
  }

  /** It runs until it is signalled or crashes. */
  #startData({ name, identity }: DataSpec): void {
    if (this.data.has(name)) return;
    const startedAt = this.#options.clock.now();
    const seen = {
      name,
      identity,
      startedAt,
      address: null,
      privatePorts: [],
      stopSignalAt: null,
      killedAt: null,
      exit: null,
    };
    this.data.set(name, seen);
  }

  endData(name: string, signal: string | null): void {
    const data = this.data.get(name);
    if (data?.exit !== null) return;
    const exit = { at: this.#options.clock.now(), code: signal ? null : 1, signal, reason: "exited" } as const;
    this.data.set(name, { ...data, exit });
    this.#report(data.identity.key, name);
  }

  #startService(spec: InstanceSpec): void {
    if (this.processes.has(spec.name)) return;
    const { clock, behaviourOf } = this.#options;
    const behaviour = behaviourOf(spec);
    const born: Process = {
      spec,
      behaviour,
      startedAt: clock.now(),
      born: clock.elapsed,
      address: spec.port === null ? null : { host: "10.0.0.1", port: this.#nextPort++ },
      stopSignalAt: null,
      killedAt: null,
      exit: null,
      readyInRow: 0,
      bestRow: 0,
      busyUntil: 0,
      stuckUntil: 0,
      unreadableUntil: 0,
      stoppedAfter: null,
      endedAfter: null,
    };
    this.processes.set(spec.name, born);
    this.#reported("start", spec.name, false);
    if (behaviour.couldNotStart) return this.end(born, { code: 127, reason: "could-not-start", byItself: true });
    this.#report(spec.identity.key, spec.name);
    const { exitsAfter } = behaviour;
    if (exitsAfter !== null) this.endIn(born, exitsAfter, { code: 1, reason: "exited", byItself: true });
  }

  async startTask(spec: TaskSpec): Promise<void> {
    if (this.#tasks.has(spec.name)) return;
    const { clock, taskResult } = this.#options;
    const startedAt = clock.now();
    this.#tasks.set(spec.name, { name: spec.name, spec, startedAt, exit: null });
    this.#reported("task", spec.name, false);
    const { takesMs, code } = taskResult(spec);
    clock.after(takesMs, () => this.#endTask(spec.name, { code, signal: null, reason: "exited" }));
  }

  #endTask(name: string, how: Pick<Exit, "code" | "signal" | "reason">): void {
    const task = this.#tasks.get(name);
    if (!task || task.exit) return;
    this.#tasks.set(name, { ...task, exit: { at: this.#options.clock.now(), ...how } });
    this.#report(task.spec.key, name);
  }

  async signal(name: string, signal: string): Promise<void> {
    if (this.data.has(name) || this.unknownKinds.some((one) => one.name === name))
      this.#reported("signal", name, false);
    this.endData(name, signal);
    if (signal === "SIGKILL") this.#endTask(name, { code: null, signal, reason: "signalled" });
    const task = this.#tasks.get(name);
    if (task && !task.exit)
      this.#tasks.set(name, { ...task, stopSignalAt: task.stopSignalAt ?? this.#options.clock.now() });
    const process = this.processes.get(name);
    if (!process || process.exit) return;
    const now = this.#options.clock.now();
    if (signal === "SIGKILL") process.killedAt ??= now;
    else process.stopSignalAt ??= now;
    process.stoppedAfter ??= this.#options.clock.elapsed;
    this.#reported("signal", name, false);
    const takesMs = signal === "SIGKILL" ? 2 : process.behaviour.stopsAfter;
    if (takesMs !== null) this.endIn(process, takesMs, { code: null, reason: "signalled", byItself: false });
  }

  async remove(name: string): Promise<void> {
    const found = this.processes.get(name) ?? this.#tasks.get(name) ?? this.data.get(name);
    if (!found) return;
    if (!found.exit) throw new Fault("operation.failed", `${name} still runs`);
    this.processes.delete(name);
    this.#tasks.delete(name);
    this.data.delete(name);
    this.#reported("remove", name, false);
  }

  async strangerAt(name: string): Promise<Stranger | null> {
    return this.processes.get(name)?.behaviour.squatted ? { who: "process 7 of a stranger", isThere: true } : null;
  }

  async listening(name: string): Promise<readonly number[]> {
    const process = this.processes.get(name);
    if (!process?.address || process.exit) return [];
    return [process.behaviour.listens === "given" ? process.address.port : 3_000];
  }

  async written(): Promise<readonly string[]> {
    return [];
  }

  async usage(name: string): Promise<Usage | null> {
    const process = this.processes.get(name);
    return process && !process.exit ? { memoryBytes: 1_000_000, cpuMs: this.ageOf(process), processes: 1 } : null;
  }

  /** Every process says one line, its name. */
  async readOutput(name: string, { stream, offset, limit }: OutputRange): Promise<Output> {
    const said =
      stream === "stdout" && this.processes.has(name) ? new TextEncoder().encode(`${name}\n`) : new Uint8Array();
    return { at: offset, bytes: said.slice(offset, offset + limit) };
  }

  async releaseOutput(): Promise<void> {}

  changes(listener: (change: RuntimeChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {}

  tasks(): readonly ObservedTask[] {
    return [...this.#tasks.values()];
  }

  ageOf(process: Process): number {
    return this.#options.clock.elapsed - process.born;
  }

  at(address: Address): Process | undefined {
    return [...this.processes.values()].find(
      (process) => !process.exit && process.address?.port === address.port && process.address.host === address.host,
    );
  }

  /** Whether it would answer a client or a probe well right now. */
  isWell(process: Process): boolean {
    return !process.exit && isReadyAt(process.behaviour, this.ageOf(process));
  }

  endIn(process: Process, ms: number, how: Ending): void {
    this.#options.clock.after(ms, () => this.end(process, how));
  }

  /** Ends a process, as soon as it can be; when it has ended already, nothing happens. */
  end(process: Process, how: Ending): void {
    if (process.exit) return;
    const { code, reason, byItself } = how;
    const { elapsed } = this.#options.clock;
    if (elapsed < process.stuckUntil) return this.endIn(process, process.stuckUntil - elapsed, how);
    process.endedAfter = elapsed;
    const signal = reason === "signalled" ? (process.killedAt === null && !byItself ? "SIGTERM" : "SIGKILL") : null;
    process.exit = { at: this.#options.clock.now(), code, signal, reason };
    this.#reported("exit", process.spec.name, byItself);
    this.#report(process.spec.identity.key, process.spec.name);
  }

  #reported(what: "start" | "task" | "signal" | "remove" | "exit", name: string, byItself: boolean): void {
    this.#options.happened({ what, name, byItself });
  }

  #report(key: EnvKey, name: string): void {
    this.#options.clock.after(this.#options.reportDelay(), () => {
      for (const listener of this.#listeners) listener({ key, name, what: "state" });
    });
  }
}

function isData(spec: InstanceSpec | DataSpec): spec is DataSpec {
  return spec.identity.kind === "data";
}

interface Ending {
  readonly code: number | null;
  readonly reason: Exit["reason"];
  readonly byItself: boolean;
}

function seen({ spec, startedAt, address, stopSignalAt, killedAt, exit }: Process): ObservedInstance {
  return {
    name: spec.name,
    identity: spec.identity,
    startedAt,
    address,
    privatePorts: [],
    stopSignalAt,
    killedAt,
    exit,
  };
}
