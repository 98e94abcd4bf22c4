import { setTimeout as pause } from "node:timers/promises";
import { asFault, Fault } from "../../../base/faults.ts";
import { type Engine, isRefusal, isUnreachable } from "../../../host/engine.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Exit } from "../../../model/instance.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { RuntimeChange } from "../../../ports/runtime.ts";
import type { Calls } from "./calls.ts";
import { armed, type ContainerState, disarmed, type Inspected, type Listed } from "./container.ts";
import { couldNotStart, endOf, exitOf, lost, timeOf } from "./ends.ts";
import type { End, Folder } from "./folder.ts";
import { Follower } from "./follow.ts";
import { type About, aboutOf, keyOf } from "./labels.ts";
import type { EngineEvent } from "./watch.ts";

/** What is known of one instance or task. An exit never changes once it is there. */
export interface Entry {
  readonly about: About;
  readonly name: string;
  readonly key: EnvKey;
  id: string | null;
  createdAt: number;
  /** Null until its command was begun. */
  startedAt: number | null;
  /** The host's number of its first process. */
  pid: number;
  stopSignalAt: number | null;
  killedAt: number | null;
  exit: Exit | null;
  /** Somebody of this process is about to start it. */
  isStarting: boolean;
  /** How it ended first, not reported yet. */
  end: End | null;
  ending: Promise<void> | null;
  /** Whether the engine starts it again by itself, or is just being told to. */
  isArmed: boolean;
  arming: Promise<void> | null;
  ranOutOfMemory: boolean;
  follower: Follower | null;
  trouble: Fault | null;
}

interface TableOptions {
  readonly engine: Engine;
  readonly calls: Calls;
  readonly folder: Folder;
  readonly clock: Clock;
  /** How long an instance must have run before the engine may start it again by itself. */
  readonly armedAfterMs: number;
  readonly tell: (entry: Entry, what: RuntimeChange["what"]) => void;
}

/** How many containers are looked at side by side. */
const lookers = 8;
/** An end that could not be dealt with is looked at again after this time. */
const againMs = 500;
/** How long the engine may take to give up a restart, and how often that is looked at. */
const restMs = { within: 15_000, every: 20 };

/** All instances and tasks of the installation as the engine showed them last, with what became of them. */
export class Table {
  readonly entries = new Map<string, Entry>();
  readonly #options: TableOptions;
  /** What is found at first is no news. */
  #isOpen = false;
  #isClosed = false;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /** Looks what there is: at all of it, or only at what does not look as it should. Faults: those of the engine. */
  async lookAtAll({ thoroughly }: { thoroughly: boolean }): Promise<void> {
    if (!this.#isOpen) for (const about of this.#options.folder.open()) this.#enter(about);
    const listed = await this.#options.calls.list();
    const ids = new Set(listed.map(({ Id }) => Id));
    const doubtful = listed.map((each) => this.#met(each)).filter((each) => each !== null);
    for (const entry of this.entries.values()) {
      if (!entry.isStarting && (entry.id === null || !ids.has(entry.id))) await this.#vanished(entry);
    }
    const toLookAt = doubtful.filter(({ entry, isUp }) => thoroughly || isUp !== isRunning(entry));
    await inParallel(toLookAt, ({ entry }) => this.look(entry));
    if (this.#isOpen && thoroughly) for (const entry of this.entries.values()) this.#options.tell(entry, "state");
    this.#isOpen = true;
  }

  /** Takes up something new; it is written down before its container is made. */
  add(about: About): Entry {
    this.#options.folder.create(about);
    return this.#enter(about);
  }

  /** Takes something up that cannot be started, with its reason. */
  stillborn(about: About, reason: string): void {
    const entry = this.entries.get(about.name) ?? this.add(about);
    this.#options.folder.explain(entry.name, reason);
    this.#ended(entry, couldNotStart(this.#options.clock.now()));
  }

  async forget(entry: Entry): Promise<void> {
    this.entries.delete(entry.name);
    await this.#released(entry);
    this.#options.folder.remove(entry.name);
  }

  /** Looks how one container stands, and acts on it. */
  async look(entry: Entry): Promise<void> {
    const inspected = await this.#inspect(entry);
    entry.trouble = null;
    if (inspected === null) return this.#vanished(entry);
    const { State } = inspected;
    const startedAt = timeOf(State.StartedAt);
    if (entry.exit !== null) return isUp(State) ? this.#kill(entry) : undefined;
    if (startedAt === null) return this.#unstarted(entry, State);
    if (entry.startedAt === null) this.#began(entry, startedAt);
    if (entry.ending !== null) return;
    entry.isArmed = inspected.HostConfig.RestartPolicy.Name !== disarmed;
    if (isUp(State)) this.#runs(entry, { startedAt, pid: State.Pid });
    else this.#close(entry, false);
  }

  /**
   * Something happened. What it led to is looked at; only the first end of a command is taken from the event itself.
   * `isWatched`: the connection to the engine is whole. While it is being made again, output may have broken off with the one before.
   */
  heard({ id, action, at, code, isOld }: EngineEvent, isWatched: boolean): void {
    const entry = [...this.entries.values()].find((each) => each.id === id);
    if (entry === undefined || entry.exit !== null) return;
    if (action === "oom" && !isOld) entry.ranOutOfMemory = true;
    else if (action === "die" && !isOld) {
      entry.end ??= { at, code, isOutOfMemory: entry.ranOutOfMemory };
      this.#close(entry, isWatched);
    } else if (!entry.isStarting) this.#lookLater(entry, 0);
  }

  follower(entry: Entry): Follower {
    const { engine, folder, tell } = this.#options;
    entry.follower ??= new Follower({
      engine,
      id: entry.id ?? entry.name,
      directory: folder.path(entry.name),
      wrote: () => tell(entry, "output"),
    });
    return entry.follower;
  }

  /**
   * Takes a container away whose command was never begun. The engine refuses when it was begun meanwhile; so a start that
   * was asked for and never answered is decided here, one way or the other.
   */
  async abandon(entry: Entry): Promise<void> {
    if (entry.id !== null) {
      try {
        await this.#options.calls.remove(entry.id);
      } catch (thrown) {
        if (isRefusal(thrown, 409)) return this.look(entry);
        throw thrown;
      }
    }
    await this.forget(entry);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.entries.values()];
    await Promise.allSettled(all.map((entry) => entry.follower?.stop()));
    await Promise.allSettled(all.map((entry) => entry.ending));
  }

  #enter(about: About): Entry {
    const { folder, clock } = this.#options;
    const { name } = about;
    const ended = folder.ended(name);
    const entry: Entry = {
      about,
      name,
      key: keyOf(about),
      id: null,
      createdAt: clock.now(),
      startedAt: ended?.startedAt ?? null,
      pid: 0,
      stopSignalAt: folder.mark(name, "stopped"),
      killedAt: folder.mark(name, "killed"),
      exit: ended?.exit ?? null,
      isStarting: false,
      end: folder.end(name),
      ending: null,
      isArmed: false,
      arming: null,
      ranOutOfMemory: false,
      follower: null,
      trouble: null,
    };
    this.entries.set(name, entry);
    return entry;
  }

  async #inspect({ id }: Entry): Promise<Inspected | null> {
    return id === null ? null : this.#options.calls.inspect(id);
  }

  #met({ Id, Names, Labels, State, Created }: Listed): { entry: Entry; isUp: boolean } | null {
    const about = aboutOf(Names[0]?.slice(1) ?? "", Labels);
    if (about === null) return null;
    const entry = this.entries.get(about.name) ?? this.add(about);
    entry.id = Id;
    entry.createdAt = Created * 1_000;
    return { entry, isUp: State === "running" || State === "paused" };
  }

  /** Its container is not there: it was never made, or somebody else took it away. */
  async #vanished(entry: Entry): Promise<void> {
    if (entry.exit !== null || entry.ending !== null || entry.isStarting) return;
    if (entry.startedAt === null && this.#options.folder.mark(entry.name, "begun") === null) return this.forget(entry);
    const { end } = entry;
    this.#ended(entry, end ? exitOf(end, wasStopped(entry)) : lost(this.#options.clock.now()));
    await this.#released(entry);
  }

  /** A container that is made but not started: the engine could not, or nobody is going to. */
  async #unstarted(entry: Entry, { Error: words }: ContainerState): Promise<void> {
    if (words !== "") this.stillborn(entry.about, words);
    else if (!entry.isStarting) await this.abandon(entry);
  }

  #began(entry: Entry, startedAt: number): void {
    entry.startedAt = startedAt;
    if (this.#isOpen) this.#options.tell(entry, "state");
  }

  #runs(entry: Entry, { startedAt, pid }: { startedAt: number; pid: number }): void {
    const isSame = entry.startedAt === startedAt;
    if (!isSame) entry.ranOutOfMemory = false;
    entry.startedAt = startedAt;
    entry.pid = pid;
    entry.end = null;
    this.#options.folder.clearEnd(entry.name);
    this.follower(entry).resume();
    if (!entry.isArmed) this.#armLater(entry, startedAt);
    if (!isSame && this.#isOpen) this.#options.tell(entry, "state");
  }

  /**
   * The engine starts a crashed program again within a tenth of a second, before anybody could stop it. So it may do so only
   * for an instance that has proven itself: most crashes are those of new releases, in their first seconds.
   */
  #armLater(entry: Entry, startedAt: number): void {
    if (entry.about.kind === "task" || entry.arming !== null) return;
    const { clock, armedAfterMs } = this.#options;
    const isDue = () => this.#mayArm(entry) && entry.startedAt === startedAt && !entry.isArmed && entry.arming === null;
    clock.after(Math.max(0, startedAt + armedAfterMs - clock.now()), () => {
      if (isDue())
        entry.arming = this.#arm(entry).finally(() => {
          entry.arming = null;
        });
    });
  }

  #mayArm(entry: Entry): boolean {
    const isHere = !this.#isClosed && this.entries.get(entry.name) === entry;
    return isHere && entry.exit === null && entry.ending === null && !wasStopped(entry);
  }

  async #arm(entry: Entry): Promise<void> {
    entry.isArmed = true;
    await this.#options.calls.setPolicy(entry.id ?? "", armed).catch((thrown) => {
      // The next look at everything arms it, when the engine is there again.
      entry.isArmed = false;
      if (!isUnreachable(thrown)) entry.trouble = asFault(thrown);
    });
  }

  /** Deals with an end. What fails is done again after another look, or when the engine is back. */
  #close(entry: Entry, isWatched: boolean): void {
    entry.follower?.expectEnd();
    entry.ending ??= this.#end(entry, isWatched)
      .then(
        () => {
          entry.trouble = null;
        },
        (thrown) => {
          entry.trouble = asFault(thrown);
          this.#lookLater(entry, againMs);
        },
      )
      .finally(() => {
        entry.ending = null;
      });
  }

  #lookLater(entry: Entry, ms: number): void {
    this.#options.clock.after(ms, () => {
      if (this.#isClosed || this.entries.get(entry.name) !== entry) return;
      this.look(entry).catch((thrown) => {
        entry.trouble = asFault(thrown);
      });
    });
  }

  /**
   * Brings an end to its end: the engine must not start the command again, and all output must be there. Only then is the
   * exit known. Who is away from the engine, or sees it going away, leaves things as they are: then the engine is to start
   * the instance again when it comes back.
   */
  async #end(entry: Entry, isWatched: boolean): Promise<void> {
    const { folder, clock } = this.#options;
    if (entry.end !== null) folder.setEnd(entry.name, entry.end);
    await entry.arming;
    if (entry.isArmed && !wasStopped(entry)) await this.#disarm(entry);
    const state = await this.#atRest(entry);
    if (state !== null && isUp(state)) {
      const startedAt = timeOf(state.StartedAt) ?? clock.now();
      return this.#runs(entry, { startedAt, pid: state.Pid });
    }
    if (state !== null) {
      entry.startedAt ??= timeOf(state.StartedAt);
      await this.follower(entry).finish(isWatched);
    }
    const end = entry.end ?? (state ? endOf(state, clock.now()) : null);
    const isOutOfMemory = end?.isOutOfMemory || entry.ranOutOfMemory || (state?.OOMKilled ?? false);
    this.#ended(entry, end ? exitOf({ ...end, isOutOfMemory }, wasStopped(entry)) : lost(clock.now()));
    await this.#released(entry);
  }

  /**
   * Calls off the engine's next start, as any signal does; where it was quicker, the second run is ended. SIGKILL is only
   * sent to what runs: for a container about to start, the engine waits ten seconds for it to end. An engine that is going
   * away ended everything itself, and is to start it again.
   */
  async #disarm(entry: Entry): Promise<void> {
    const { calls } = this.#options;
    await calls.ping();
    await calls.kill(entry.id ?? "", "SIGCONT");
    const state = await this.#atRest(entry);
    if (state !== null && isUp(state)) await this.#kill(entry);
    await calls.setPolicy(entry.id ?? "", disarmed);
    entry.isArmed = false;
  }

  async #kill({ id }: Entry): Promise<void> {
    if (id !== null) await this.#options.calls.kill(id, "SIGKILL");
  }

  /** The state of a container that the engine is not about to start; null when it is gone. */
  async #atRest(entry: Entry): Promise<ContainerState | null> {
    for (let waited = 0; waited < restMs.within; waited += restMs.every) {
      const inspected = await this.#inspect(entry);
      if (!inspected?.State.Restarting) return inspected?.State ?? null;
      await pause(restMs.every);
    }
    throw new Fault("operation.failed", `the engine does not give up starting ${entry.name}`);
  }

  #ended(entry: Entry, exit: Exit): void {
    const startedAt = entry.startedAt ?? exit.at;
    this.#options.folder.setEnded(entry.name, { startedAt, exit });
    Object.assign(entry, { startedAt, exit });
    this.#options.tell(entry, "output");
    this.#options.tell(entry, "state");
  }

  async #released(entry: Entry): Promise<void> {
    await entry.follower?.stop();
    entry.follower = null;
  }
}

function isUp({ Running, Restarting }: ContainerState): boolean {
  return Running && !Restarting;
}

function isRunning({ startedAt, exit }: Entry): boolean {
  return startedAt !== null && exit === null;
}

function wasStopped({ stopSignalAt, killedAt }: Entry): boolean {
  return stopSignalAt !== null || killedAt !== null;
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: lookers }, async () => {
      for (const item of queue) await act(item);
    }),
  );
}
