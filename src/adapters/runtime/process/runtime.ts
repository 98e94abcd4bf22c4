import { Fault, isErrno } from "../../../base/faults.ts";
import { SingleFlight } from "../../../base/serial.ts";
import { OutputFiles } from "../../../host/output.ts";
import { allProcesses, bootId, type ProcessStat } from "../../../host/proc.ts";
import { type EnvKey, keyText, sameKey } from "../../../model/environment.ts";
import type {
  InstanceSpec,
  ObservedInstance,
  ObservedTask,
  TaskSpec,
  TerminalSize,
  Usage,
} from "../../../model/instance.ts";
import type { DataSpec, ObservedData, Workload } from "../../../model/workload.ts";
import type { Clock } from "../../../ports/clock.ts";
import type {
  AttachingRuntime,
  Attachment,
  ObservedWorld,
  Output,
  OutputRange,
  OutputStream,
  RuntimeChange,
  Stranger,
} from "../../../ports/runtime.ts";
import { attachmentOf, closeTheirs, endSession, openEnds, type TaskEnds } from "./attachment.ts";
import { rootPath } from "./confine.ts";
import { Doors, type Guard } from "./doors.ts";
import { ProcessFolder } from "./folder.ts";
import { type How, hasPorts, lackingVolume, launch, privatePorts, processEnv, unfitProcess } from "./launch.ts";
import { hidesSockets, portHolder, processPorts } from "./listening.ts";
import { loopback, loopbackAddress, PortPool } from "./ports.ts";
import { processUsage } from "./proc.ts";
import { ProcessWatcher } from "./process-watcher.ts";
import { type RoomOptions, Rooms } from "./rooms.ts";
import { notify, send } from "./signals.ts";
import { deliverable } from "./supervisor.ts";
import { type ProcessEntry, ProcessTable } from "./table.ts";
import { VolumeFolder } from "./volumes.ts";

export interface ProcessRuntimeOptions extends RoomOptions {
  /** Where instances have their directories. */
  readonly directory: string;
  /** Where volumes are, on whichever file system. */
  readonly volumeDirectory: string;
  readonly ports: { readonly from: number; readonly to: number };
  readonly clock: Clock;
  readonly guard: Guard | null;
  /** Is told what people should know although nothing failed. */
  readonly notify: (words: string) => void;
}

/** What a task has. */
const noPorts = { port: null, tcpPorts: [] };
/** How old a look at all processes may be that usage is reckoned from; memory limits are checked once a second. */
const freshMs = 500;
/**
 * Runs instances as plain processes: each under a supervisor (supervisor.ts) that outlives the controller, found again by the
 * supervisor's process number, start time and boot.
 *
 * What it cannot do: a process that leaves its session (a daemon) is not signalled with the others. Memory is not limited
 * by the kernel, because an address-space limit (`ulimit -v`) breaks Node and the JVM; whoever enforces `memoryBytes`
 * reads `usage`. Without /proc (macOS) `usage` is null and `listening` empty.
 */
export function processRuntime(options: ProcessRuntimeOptions): AttachingRuntime {
  return new ProcessRuntime(options);
}

class ProcessRuntime implements AttachingRuntime {
  readonly capsMemory = false;
  readonly volumes: VolumeFolder;
  readonly innerHost = loopbackAddress;
  readonly #options: ProcessRuntimeOptions;
  readonly #folder: ProcessFolder;
  readonly #rooms: Rooms;
  readonly #doors: Doors;
  readonly #output: OutputFiles;
  readonly #watcher: ProcessWatcher;
  readonly #table: ProcessTable;
  readonly #starting = new SingleFlight();
  /** Of the attached tasks that this controller holds. */
  readonly #held = new Map<string, TaskEnds>();
  #closed = false;
  #pool: PortPool | null = null;
  #seen: { readonly at: number; readonly all: readonly ProcessStat[] } | null = null;

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options;
    this.#folder = new ProcessFolder(options.directory, options.notify);
    this.volumes = new VolumeFolder({
      ...options,
      // What is about to start may be about to have it. From then on nothing comes between the look and the removal.
      settled: () => this.#starting.over(),
      heldBy: (volume) => this.#table.holderOf(volume),
    });
    this.#rooms = new Rooms(this.#folder, options, this.volumes);
    this.#doors = new Doors(options);
    this.#output = new OutputFiles(options.baseEnv.PATH ?? "/usr/bin:/bin");
    this.#table = new ProcessTable(this.#folder, {
      clock: options.clock,
      ended: (entry) => this.#ended(entry),
    });
    this.#watcher = new ProcessWatcher({
      clock: options.clock,
      exits: this.#folder.exits,
      directoryOf: (name) => this.#folder.path(name),
      look: (name) => this.#table.look(name),
      live: () =>
        this.#table
          .live()
          .map(({ name, key, isChild, killedAt }) => ({ name, key, isChild, hurried: killedAt !== null })),
    });
  }

  async observe(key: EnvKey): Promise<ObservedWorld> {
    const instances: ObservedInstance[] = [];
    const data: ObservedData[] = [];
    const tasks: ObservedTask[] = [];
    for (const entry of this.#table.entries().values()) {
      if (!sameKey(entry.key, key)) continue;
      const exit = this.#table.exitOf(entry);
      const startedAt = this.#table.claimOf(entry)?.at ?? exit?.at;
      if (startedAt === undefined) continue;
      const { stored, name, stopSignalAt, killedAt } = entry;
      const address = stored.port === null ? null : { host: loopback, port: stored.port };
      const seen = { name, startedAt, address, privatePorts: privatePorts(stored), stopSignalAt, killedAt, exit };
      if (stored.kind === "task")
        tasks.push({ name, spec: stored.spec, startedAt, stopSignalAt, isHeld: this.#held.has(name), exit });
      else if (stored.kind === "data") data.push({ ...seen, identity: stored.spec.identity });
      else instances.push({ ...seen, identity: stored.spec.identity });
    }
    const unknown = this.#table.unknown().filter((one) => sameKey(one.key, key));
    const unknownKinds = unknown.map(({ name, kind }) => ({ name, key, kind }));
    const inside = { callers: ["127.0.0.0/8"], doors: [] };
    return { instances, data, tasks, unreadable: [], unknownKinds, inside };
  }

  async keys(): Promise<readonly EnvKey[]> {
    const keys = [...this.#table.entries().values(), ...this.#table.unknown()].map(({ key }) => key);
    return [...new Map(keys.map((key) => [keyText(key), key])).values()];
  }

  start(spec: InstanceSpec | DataSpec): Promise<void> {
    const workload = { kind: spec.identity.kind, spec } as Workload;
    return this.#starting.run(spec.name, () => this.#begin(workload));
  }

  startTask(spec: TaskSpec): Promise<void> {
    return this.#starting.run(spec.name, () => this.#begin({ kind: "task", spec }));
  }

  async startAttached(spec: TaskSpec, terminal: TerminalSize | null): Promise<Attachment> {
    const release = () => {
      this.#held.get(spec.name)?.streams.close();
      this.#held.delete(spec.name);
    };
    await this.#starting
      .run(spec.name, () => this.#begin({ kind: "task", spec }, terminal))
      .catch((thrown) => {
        release();
        throw thrown;
      });
    const ends = this.#held.get(spec.name);
    if (ends === undefined) throw new Fault("operation.failed", `${spec.name} was started before`);
    return attachmentOf(ends, release);
  }

  async signal(name: string, signal: string): Promise<void> {
    if (!deliverable.includes(signal)) throw new Fault("request.invalid", `${signal.slice(0, 20)} cannot be sent`);
    const entry = this.#table.entries().get(name);
    if (!entry || this.#table.exitOf(entry) || !entry.claim?.pid) return;
    const now = this.#options.clock.now();
    if (signal === "SIGKILL") {
      entry.killedAt ??= now;
      this.#folder.setMark(name, "killed", entry.killedAt);
    } else {
      entry.stopSignalAt ??= now;
      this.#folder.setMark(name, "stopped", entry.stopSignalAt);
    }
    if (signal === "SIGKILL") {
      send(-entry.claim.pid, signal);
      this.#watcher.hurry();
    } else {
      const isOver = () => this.#closed || entry.exit !== null || entry.killedAt !== null;
      const kept = { supervisor: entry.claim.pid, namespaced: entry.stored.namespaced };
      notify({ ...kept, signal }, { clock: this.#options.clock, isOver });
    }
  }

  async remove(name: string): Promise<void> {
    await this.#starting.over(name);
    const entry = this.#table.entries().get(name);
    if (!entry) return;
    const withdrawn = this.#table.claimOf(entry) === null && !this.#table.exitOf(entry) && this.#folder.withdraw(name);
    if (!withdrawn && !this.#table.exitOf(entry)) throw new Fault("operation.failed", `${name} still runs`);
    this.#folder.remove(name);
    this.#table.entries().delete(name);
    const { user } = entry.stored;
    const others = this.#table.ported().some(({ stored }) => stored.user?.uid === user?.uid);
    if (user !== null && !others) this.#folder.removeBuildHome(user);
    for (const stream of ["stdout", "stderr"] as const) this.#output.forget(this.#outputPath(name, stream));
    if (hasPorts(entry.stored)) void this.#doors.guard(this.#table.ported());
  }

  async listening(name: string): Promise<readonly number[]> {
    const supervisor = this.#supervisorOf(name);
    const uid = this.#table.entries().get(name)?.stored.user?.uid ?? null;
    return supervisor === null || bootId() === null ? [] : processPorts({ supervisor, name, uid });
  }

  async strangerAt(name: string): Promise<Stranger | null> {
    const { port = null, user = null } = this.#table.entries().get(name)?.stored ?? {};
    const supervisor = this.#supervisorOf(name);
    if (port === null || supervisor === null || bootId() === null) return null;
    if (user === null && hidesSockets(supervisor)) return null;
    if ((await this.listening(name)).includes(port)) return null;
    const who = portHolder(port);
    return { who: who ?? "a process that listens no more", isThere: who !== null };
  }

  async usage(name: string): Promise<Usage | null> {
    const supervisor = this.#supervisorOf(name);
    const namespaced = this.#table.entries().get(name)?.stored.namespaced ?? false;
    return supervisor === null || bootId() === null
      ? null
      : processUsage({ supervisor, namespaced }, this.#processes(supervisor));
  }

  async written(name: string): Promise<readonly string[]> {
    const entry = this.#table.entries().get(name);
    return entry ? this.#rooms.written(entry.stored) : [];
  }

  async readOutput(name: string, { stream, offset, limit }: OutputRange): Promise<Output> {
    const entry = this.#table.entries().get(name);
    if (!entry) return { at: offset, bytes: new Uint8Array() };
    return this.#output.read(this.#outputPath(name, stream), { offset, limit, isOpen: entry.exit === null });
  }

  async releaseOutput(name: string, stream: OutputStream, offset: number): Promise<void> {
    if (this.#table.entries().has(name)) await this.#output.release(this.#outputPath(name, stream), offset);
  }

  changes(listener: (change: RuntimeChange) => void): () => void {
    // Rules do not survive everything that instances do: somebody may have loaded others.
    if (this.#table.ported().some(({ stored }) => hasPorts(stored))) void this.#doors.guard(this.#table.ported());
    return this.#watcher.listen(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#table.close();
    this.#watcher.close();
    await this.#starting.over();
    await Promise.all([this.#folder.idle(), this.volumes.idle(), this.#doors.close()]);
  }

  /** `terminal`: that of an attached task; undefined: it is not attached. */
  async #begin(workload: Workload, terminal?: TerminalSize | null): Promise<void> {
    const { name } = workload.spec;
    this.#folder.check(name);
    const known = this.#table.entries().get(name);
    if (known && (this.#table.claimOf(known) || this.#table.exitOf(known))) return;
    const entry = known ?? (await this.#write(workload));
    const { baseEnv } = this.#options;
    const room = this.#rooms.of(entry.stored);
    const programs = await this.#rooms.programs(entry.stored);
    const { path } = "path" in programs ? programs : { path: rootPath };
    const env = processEnv(entry.stored, { baseEnv, path, room, variables: workload.spec.env });
    const lacks = "lacks" in programs ? programs.lacks : null;
    const reason = lackingVolume(room) ?? lacks ?? unfitProcess(entry.stored.spec.command, env);
    if (hasPorts(entry.stored)) await this.#doors.guard(this.#table.ported());
    const ends = terminal === undefined ? null : await this.#hold(entry, terminal);
    try {
      if (reason) this.#refuse(entry, reason);
      else await this.#launch(entry, { env, cwd: room.cwd, streams: ends?.theirs ?? null });
    } finally {
      if (ends) closeTheirs(ends);
    }
    if (!this.#table.exitOf(entry)) this.#watcher.begun(entry);
  }

  async #hold({ name, stored }: ProcessEntry, terminal: TerminalSize | null): Promise<TaskEnds> {
    const path = this.#options.baseEnv.PATH ?? rootPath;
    const ends = await openEnds(terminal, { user: stored.user, directory: this.#folder.path(name), path });
    this.#held.set(name, ends);
    return ends;
  }

  async #launch(entry: ProcessEntry, { env, cwd, streams }: Pick<How, "env" | "cwd" | "streams">): Promise<void> {
    let hasEnded = false;
    const ended = () => {
      hasEnded = true;
      entry.isChild = false;
      this.#table.look(entry.name);
    };
    const { baseEnv } = this.#options;
    try {
      const as = await this.#rooms.asWhom(entry.stored);
      const inside = this.#rooms.inside(entry.stored);
      const claim = await launch(this.#folder, entry.stored, { env, baseEnv, cwd, as, inside, streams, ended });
      entry.isChild = claim !== "" && !hasEnded;
      if (claim !== "") this.#folder.keep(entry.name, { content: claim, writtenAt: this.#options.clock.now() });
      entry.claim = null;
    } catch (thrown) {
      if (!(thrown instanceof Fault) || !isErrno(thrown.cause, "E2BIG")) throw thrown;
      this.#refuse(entry, "command and variables are larger than the system allows");
      return;
    }
    if (this.#table.claimOf(entry) === null) {
      throw new Fault("runtime.start-failed", `the keeper of ${entry.name} ended before it began`);
    }
  }

  #ended(entry: ProcessEntry): void {
    const { spec, kind } = entry.stored;
    if (kind === "task" && spec.purpose === "attached" && entry.claim?.pid) endSession(entry.claim.pid, entry.name);
    this.#held.get(entry.name)?.streams.finish();
    this.#watcher.ended(entry);
  }

  #refuse(entry: ProcessEntry, reason: string): void {
    this.#folder.explain(entry.name, reason);
    this.#folder.record(entry.name, "refused", this.#options.clock.now());
  }

  /** All processes as they were a moment ago: looking at them all costs the same for one instance as for a hundred. */
  #processes(supervisor: number): readonly ProcessStat[] {
    const now = this.#options.clock.now();
    const age = now - (this.#seen?.at ?? 0);
    const isFresh = age >= 0 && age < freshMs && this.#seen?.all.some(({ pid }) => pid === supervisor);
    if (this.#seen === null || !isFresh) this.#seen = { at: now, all: allProcesses() };
    return this.#seen.all;
  }

  /** Writes down what is about to be started, with ports that no living instance has. */
  async #write(workload: Workload): Promise<ProcessEntry> {
    const { port, tcpPorts } = workload.kind === "task" ? noPorts : workload.spec;
    const reserved: number[] = [];
    try {
      for (const _ of [...(port === null ? [] : [port]), ...tcpPorts]) {
        reserved.push(await this.#ports().reserve((each) => this.#table.holds(each)));
      }
      const tcp = port === null ? reserved : reserved.slice(1);
      const ports = { port: port === null ? null : (reserved[0] ?? null), tcp };
      const entry = this.#table.entry(await this.#rooms.furnish(workload, ports));
      this.#table.entries().set(entry.name, entry);
      return entry;
    } finally {
      for (const each of reserved) this.#ports().free(each);
    }
  }

  #ports(): PortPool {
    this.#pool ??= new PortPool(this.#options.ports, {
      last: this.#lastPort(),
      taken: (port) => this.#doors.sayTaken(port),
    });
    return this.#pool;
  }

  /** The port of what was begun last. */
  #lastPort(): number | null {
    const begun = (entry: ProcessEntry) => this.#table.claimOf(entry)?.at ?? 0;
    const ported = [...this.#table.entries().values()].filter((entry) => entry.stored.port !== null);
    return ported.sort((a, b) => begun(b) - begun(a))[0]?.stored.port ?? null;
  }

  #supervisorOf(name: string): number | null {
    const entry = this.#table.entries().get(name);
    return entry && !this.#table.exitOf(entry) ? (entry.claim?.pid ?? null) : null;
  }

  #outputPath(name: string, stream: OutputStream): string {
    return this.#folder.path(name, stream === "stdout" ? "out.log" : "err.log");
  }
}
