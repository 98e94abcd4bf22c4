import { Fault, isErrno } from "../../../base/faults.ts";
import { OutputFiles } from "../../../host/output.ts";
import { type EnvKey, keyText, sameKey } from "../../../model/environment.ts";
import type { Exit, InstanceSpec, ObservedInstance, ObservedTask, TaskSpec, Usage } from "../../../model/instance.ts";
import type { Clock } from "../../../ports/clock.ts";
import type {
  ObservedWorld,
  Output,
  OutputRange,
  OutputStream,
  Runtime,
  RuntimeChange,
  Stranger,
} from "../../../ports/runtime.ts";
import { Doors, type Guard } from "./doors.ts";
import { Folder, type Stored } from "./folder.ts";
import { type Claim, deliverable } from "./keeper.ts";
import { environmentOf, launch, unfit } from "./launch.ts";
import { hidesSockets, holderOf, listeningOf } from "./listening.ts";
import { Lookout } from "./lookout.ts";
import { loopback, loopbackAddress, PortPool } from "./ports.ts";
import { allProcesses, bootId, hasVariable, membersOf, type ProcessStat, runs, usageOf } from "./proc.ts";
import { type RoomOptions, Rooms } from "./rooms.ts";
import { send, tell } from "./signals.ts";

export interface ProcessRuntimeOptions extends RoomOptions {
  /** Where instances have their directories. */
  readonly directory: string;
  readonly ports: { readonly from: number; readonly to: number };
  readonly clock: Clock;
  readonly guard: Guard | null;
  /** Is told what people should know although nothing failed. */
  readonly tell: (words: string) => void;
}

/** What is known of one instance or task. Claim and exit never change once they are there. */
interface Entry {
  readonly stored: Stored;
  readonly name: string;
  readonly key: EnvKey;
  claim: Claim | null;
  exit: Exit | null;
  stopSignalAt: number | null;
  killedAt: number | null;
  /** When its keeper was last seen alive; 0 for not yet. */
  seenAliveAt: number;
  /** Whether its keeper is a child of this process that has not ended: the system will tell of its end. */
  isChild: boolean;
}

/** How long a keeper may take from making its claim to having written it. */
const claimingMs = 1_000;
/** How old a look at all processes may be that usage is reckoned from; memory limits are looked at once a second. */
const freshMs = 500;
/** Twice the time between two looks. */
const momentMs = 2_000;

/**
 * Runs instances as plain processes: each under a keeper (keeper.ts) that outlives the controller, found again by the
 * keeper's process number, start time and boot.
 *
 * What it cannot do: a process that leaves its session (a daemon) is not signalled with the others. Memory is not limited
 * by the kernel, because an address-space limit (`ulimit -v`) breaks Node and the JVM; whoever enforces `memoryBytes`
 * reads `usage`. Without /proc (macOS) `usage` is null and `listening` empty.
 */
export function processRuntime(options: ProcessRuntimeOptions): Runtime {
  return new ProcessRuntime(options);
}

class ProcessRuntime implements Runtime {
  readonly capsMemory = false;
  readonly innerHost = loopbackAddress;
  readonly #options: ProcessRuntimeOptions;
  readonly #folder: Folder;
  readonly #rooms: Rooms;
  readonly #doors: Doors;
  readonly #output: OutputFiles;
  readonly #lookout: Lookout;
  readonly #starting = new Map<string, Promise<void>>();
  #closed = false;
  #known: Map<string, Entry> | null = null;
  #pool: PortPool | null = null;
  #seen: { readonly at: number; readonly all: readonly ProcessStat[] } | null = null;

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options;
    this.#folder = new Folder(options.directory, options.tell);
    this.#rooms = new Rooms(this.#folder, options);
    this.#doors = new Doors(options);
    this.#output = new OutputFiles(options.baseEnv.PATH ?? "/usr/bin:/bin");
    this.#lookout = new Lookout({
      clock: options.clock,
      exits: this.#folder.exits,
      directoryOf: (name) => this.#folder.path(name),
      look: (name) => this.#look(name),
      live: () =>
        this.#live().map(({ name, key, isChild, killedAt }) => ({ name, key, isChild, hurried: killedAt !== null })),
    });
  }

  async observe(key: EnvKey): Promise<ObservedWorld> {
    const instances: ObservedInstance[] = [];
    const tasks: ObservedTask[] = [];
    for (const entry of this.#entries().values()) {
      if (!sameKey(entry.key, key)) continue;
      const exit = this.#exitOf(entry);
      const startedAt = this.#claimOf(entry)?.at ?? exit?.at;
      if (startedAt === undefined) continue;
      const { stored, name, stopSignalAt, killedAt } = entry;
      if (stored.kind === "task") tasks.push({ name, spec: stored.spec, startedAt, stopSignalAt, exit });
      else {
        const address = stored.port === null ? null : { host: loopback, port: stored.port };
        instances.push({ name, identity: stored.spec.identity, startedAt, address, stopSignalAt, killedAt, exit });
      }
    }
    return { instances, tasks, unreadable: [], inside: { callers: ["127.0.0.0/8"], doors: [] } };
  }

  async keys(): Promise<readonly EnvKey[]> {
    const keys = [...this.#entries().values()].map((entry) => entry.key);
    return [...new Map(keys.map((key) => [keyText(key), key])).values()];
  }

  start(spec: InstanceSpec): Promise<void> {
    return this.#once(spec.name, () => this.#begin({ kind: "instance", spec }, spec.port !== null));
  }

  startTask(spec: TaskSpec): Promise<void> {
    return this.#once(spec.name, () => this.#begin({ kind: "task", spec }, false));
  }

  async signal(name: string, signal: string): Promise<void> {
    if (!deliverable.includes(signal)) throw new Fault("request.invalid", `${signal.slice(0, 20)} cannot be sent`);
    const entry = this.#entries().get(name);
    if (!entry || this.#exitOf(entry) || !entry.claim?.pid) return;
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
      this.#lookout.hurry();
    } else {
      const isOver = () => this.#closed || entry.exit !== null || entry.killedAt !== null;
      tell({ keeper: entry.claim.pid, signal }, { clock: this.#options.clock, isOver });
    }
  }

  async remove(name: string): Promise<void> {
    await this.#starting.get(name)?.catch(() => undefined);
    const entry = this.#entries().get(name);
    if (!entry) return;
    const withdrawn = this.#claimOf(entry) === null && !this.#exitOf(entry) && this.#folder.withdraw(name);
    if (!withdrawn && !this.#exitOf(entry)) throw new Fault("operation.failed", `${name} still runs`);
    this.#folder.remove(name);
    this.#entries().delete(name);
    const { user } = entry.stored;
    const others = [...this.#entries().values()].some(({ stored }) => stored.user?.uid === user?.uid);
    if (user !== null && !others) this.#folder.removeBuildHome(user);
    for (const stream of ["stdout", "stderr"] as const) this.#output.forget(this.#outputPath(name, stream));
    if (entry.stored.port !== null) void this.#doors.guard(this.#entries().values());
  }

  async listening(name: string): Promise<readonly number[]> {
    const keeper = this.#keeperOf(name);
    const uid = this.#entries().get(name)?.stored.user?.uid ?? null;
    return keeper === null || bootId() === null ? [] : listeningOf({ keeper, name, uid });
  }

  async strangerAt(name: string): Promise<Stranger | null> {
    const { port = null, user = null } = this.#entries().get(name)?.stored ?? {};
    const keeper = this.#keeperOf(name);
    if (port === null || keeper === null || bootId() === null) return null;
    if (user === null && hidesSockets(keeper)) return null;
    if ((await this.listening(name)).includes(port)) return null;
    const who = holderOf(port);
    return { who: who ?? "a process that listens no more", isThere: who !== null };
  }

  async usage(name: string): Promise<Usage | null> {
    const keeper = this.#keeperOf(name);
    return keeper === null || bootId() === null ? null : usageOf(keeper, this.#processes(keeper));
  }

  async readOutput(name: string, { stream, offset, limit }: OutputRange): Promise<Output> {
    const entry = this.#entries().get(name);
    if (!entry) return { at: offset, bytes: new Uint8Array() };
    return this.#output.read(this.#outputPath(name, stream), { offset, limit, isOpen: entry.exit === null });
  }

  async releaseOutput(name: string, stream: OutputStream, offset: number): Promise<void> {
    if (this.#entries().has(name)) await this.#output.release(this.#outputPath(name, stream), offset);
  }

  changes(listener: (change: RuntimeChange) => void): () => void {
    // Rules do not survive everything that instances do: somebody may have loaded others.
    if ([...this.#entries().values()].some(({ stored }) => stored.port !== null))
      void this.#doors.guard(this.#entries().values());
    return this.#lookout.listen(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#lookout.close();
    await Promise.allSettled(this.#starting.values());
    await Promise.all([this.#folder.idle(), this.#doors.idle()]);
  }

  #entries(): Map<string, Entry> {
    this.#known ??= new Map(this.#folder.open().map((stored) => [stored.spec.name, this.#entry(stored)]));
    return this.#known;
  }

  #entry(stored: Stored): Entry {
    const { name } = stored.spec;
    const key = stored.kind === "instance" ? stored.spec.identity.key : stored.spec.key;
    const marks = {
      stopSignalAt: this.#folder.mark(name, "stopped"),
      killedAt: this.#folder.mark(name, "killed"),
    };
    return { stored, name, key, claim: null, exit: null, seenAliveAt: 0, isChild: false, ...marks };
  }

  /** One start at a time per name; who asks meanwhile gets the answer of the first. */
  #once(name: string, begin: () => Promise<void>): Promise<void> {
    const running = this.#starting.get(name);
    if (running) return running;
    const started = begin().finally(() => this.#starting.delete(name));
    this.#starting.set(name, started);
    return started;
  }

  async #begin(what: Pick<Stored, "kind" | "spec">, wantsPort: boolean): Promise<void> {
    const { name } = what.spec;
    this.#folder.check(name);
    const known = this.#entries().get(name);
    if (known && (this.#claimOf(known) || this.#exitOf(known))) return;
    const entry = known ?? (await this.#write(what, wantsPort));
    const { baseEnv } = this.#options;
    const room = this.#rooms.of(entry.stored);
    const env = environmentOf(entry.stored, { baseEnv, room, variables: what.spec.env });
    const reason = unfit(entry.stored.spec.command, env);
    if (entry.stored.port !== null) await this.#doors.guard(this.#entries().values());
    if (reason) this.#refuse(entry, reason);
    else await this.#launch(entry, { env, cwd: room.cwd });
    if (!this.#exitOf(entry)) this.#lookout.begun(entry);
  }

  async #launch(entry: Entry, { env, cwd }: { env: Record<string, string>; cwd: string }): Promise<void> {
    let hasEnded = false;
    const ended = () => {
      hasEnded = true;
      entry.isChild = false;
      this.#look(entry.name);
    };
    const { baseEnv } = this.#options;
    try {
      const as = await this.#rooms.asWhom(entry.stored);
      const claim = await launch(this.#folder, entry.stored, { env, baseEnv, cwd, as, ended });
      entry.isChild = claim !== "" && !hasEnded;
      if (claim !== "") this.#folder.keep(entry.name, { content: claim, writtenAt: this.#options.clock.now() });
      entry.claim = null;
    } catch (thrown) {
      if (!(thrown instanceof Fault) || !isErrno(thrown.cause, "E2BIG")) throw thrown;
      this.#refuse(entry, "command and variables are larger than the system allows");
      return;
    }
    if (this.#claimOf(entry) === null) {
      throw new Fault("runtime.start-failed", `the keeper of ${entry.name} ended before it began`);
    }
  }

  #refuse(entry: Entry, reason: string): void {
    this.#folder.explain(entry.name, reason);
    this.#folder.record(entry.name, "refused", this.#options.clock.now());
  }

  /** All processes as they were a moment ago: looking at them all costs the same for one instance as for a hundred. */
  #processes(keeper: number): readonly ProcessStat[] {
    const now = this.#options.clock.now();
    const age = now - (this.#seen?.at ?? 0);
    const isFresh = age >= 0 && age < freshMs && this.#seen?.all.some(({ pid }) => pid === keeper);
    if (this.#seen === null || !isFresh) this.#seen = { at: now, all: allProcesses() };
    return this.#seen.all;
  }

  /** Writes down what is about to be started, with a port that no living instance has. */
  async #write(what: Pick<Stored, "kind" | "spec">, wantsPort: boolean): Promise<Entry> {
    const port = wantsPort ? await this.#ports().reserve((each) => this.#holds(each)) : null;
    try {
      const entry = this.#entry(await this.#rooms.furnish(what, port));
      this.#entries().set(entry.name, entry);
      return entry;
    } finally {
      if (port !== null) this.#ports().free(port);
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
    const begun = (entry: Entry) => this.#claimOf(entry)?.at ?? 0;
    const ported = [...this.#entries().values()].filter((entry) => entry.stored.port !== null);
    return ported.sort((a, b) => begun(b) - begun(a))[0]?.stored.port ?? null;
  }

  #holds(port: number): boolean {
    return [...this.#entries().values()].some((entry) => entry.stored.port === port && !this.#exitOf(entry));
  }

  #live(): Entry[] {
    return [...this.#entries().values()].filter((entry) => entry.exit === null && this.#claimOf(entry) !== null);
  }

  #keeperOf(name: string): number | null {
    const entry = this.#entries().get(name);
    return entry && !this.#exitOf(entry) ? (entry.claim?.pid ?? null) : null;
  }

  #claimOf(entry: Entry): Claim | null {
    if (!entry.claim?.pid) entry.claim = this.#folder.claim(entry.name);
    return entry.claim;
  }

  /** Looks because something seems to have happened. What cannot be read now is read, and reported, by `observe`. */
  #look(name: string): void {
    const entry = this.#closed ? undefined : this.#entries().get(name);
    try {
      if (entry) this.#exitOf(entry);
    } catch (thrown) {
      if (!(thrown instanceof Error && "errno" in thrown)) throw thrown;
    }
  }

  /** Looks how an entry stands. The record is read again after the keeper was found dead: it may have just written it. */
  #exitOf(entry: Entry): Exit | null {
    if (entry.exit) return entry.exit;
    const exit = this.#folder.exit(entry.stored);
    if (exit) return this.#ended(entry, exit);
    const claim = this.#claimOf(entry);
    if (claim === null || this.#isRunning(entry, claim)) return null;
    return this.#ended(entry, this.#folder.exit(entry.stored) ?? this.#bury(entry, claim));
  }

  #isRunning(entry: Entry, claim: Claim): boolean {
    if (claim.pid === null) return Math.abs(this.#options.clock.now() - claim.at) < claimingMs;
    const running = runs(claim, entry.stored.user?.uid ?? null);
    if (running) entry.seenAliveAt = this.#options.clock.now();
    return running;
  }

  /** Writes down the end of an instance whose keeper is gone without a word, and ends what it left behind. */
  #bury(entry: Entry, { pid, boot }: Claim): Exit {
    const at = this.#options.clock.now();
    if (pid !== null && boot === bootId() && this.#isOwnGroup(entry, pid)) send(-pid, "SIGKILL");
    const verdict = entry.killedAt === null ? "lost" : "killed";
    this.#folder.record(entry.name, verdict, at);
    const signal = verdict === "killed" ? "SIGKILL" : null;
    return { at, code: null, signal, reason: verdict === "killed" ? "signalled" : "lost" };
  }

  /**
   * Whether the group of a dead keeper is still its own. The kernel gives a number away again only when its group is
   * empty; for who saw the keeper a moment ago that suffices, anybody else looks for the instance's name.
   */
  #isOwnGroup(entry: Entry, keeper: number): boolean {
    const members = membersOf(keeper);
    if (members.some((member) => member.pid === keeper)) return false;
    const justSeen = Math.abs(this.#options.clock.now() - entry.seenAliveAt) < momentMs;
    return members.some(({ pid }) => justSeen || hasVariable(pid, `FAIRLEAD_INSTANCE=${entry.name}`));
  }

  #ended(entry: Entry, exit: Exit): Exit {
    entry.exit = exit;
    this.#lookout.ended(entry);
    return exit;
  }

  #outputPath(name: string, stream: OutputStream): string {
    return this.#folder.path(name, stream === "stdout" ? "out.log" : "err.log");
  }
}
