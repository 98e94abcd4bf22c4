import { setTimeout as pause } from "node:timers/promises";
import { backoff } from "../../../base/backoff.ts";
import { asFault, Fault } from "../../../base/faults.ts";
import { inParallel } from "../../../base/serial.ts";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";
import type { Exit } from "../../../model/instance.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { RuntimeChange } from "../../../ports/runtime.ts";
import type { Calls } from "./calls.ts";
import { armed, type ContainerState, disarmed, type Inspected, type Listed } from "./container.ts";
import { couldNotStart, endOf, exitOfEnd, lost, timeOf } from "./ends.ts";
import { type ContainerEntry, isAttached, isEntryRunning, isUp, sortedByLabels, wasStopped } from "./entry.ts";
import type { ContainerFolder } from "./folder.ts";
import { OutputFollower } from "./follow.ts";
import { type About, type Illegible, labelledKey, type UnknownContainer } from "./labels.ts";
import type { EngineEvent } from "./watch.ts";

/** A container in the engine's list, and whether that says that it runs. */
interface Met {
  readonly entry: ContainerEntry;
  readonly isUp: boolean;
}

interface TableOptions {
  readonly engine: ContainerEngine;
  readonly calls: Calls;
  readonly folder: ContainerFolder;
  readonly clock: Clock;
  /** How long an instance must have run before the engine may start it again by itself. */
  readonly armedAfterMs: number;
  readonly failed: (thrown: unknown) => void;
  readonly notify: (entry: ContainerEntry, what: RuntimeChange["what"]) => void;
}

/** Number of containers inspected in parallel. */
const looksAtOnce = 8;
/** Delay before a container is inspected again whose state could not be read, or whose end could not be handled. */
const again = { first: 500, limit: 30_000 };
/** Time limit for the engine to abandon a restart, and the interval of checks. */
const restMs = { within: 15_000, every: 20 };

/** All instances and tasks of the installation as the engine showed them last, with what became of them. */
export class ContainerTable {
  readonly entries = new Map<string, ContainerEntry>();
  /** Containers of the installation whose labels say nothing that can be read. */
  illegible: readonly Illegible[] = [];
  /** Containers of a kind that this version does not know: only their labels are read. */
  unknown: readonly UnknownContainer[] = [];
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
    const { known, illegible, unknown } = sortedByLabels(listed);
    [this.illegible, this.unknown] = [illegible, unknown];
    const doubtful = known.map(([about, each]) => this.#met(about, each));
    for (const entry of this.entries.values()) {
      if (!entry.isStarting && (entry.id === null || !ids.has(entry.id))) await this.#vanished(entry);
    }
    const isWrong = ({ entry, isUp }: Met) => entry.trouble === null && isUp !== isEntryRunning(entry);
    const toLookAt = doubtful.filter((each) => thoroughly || isWrong(each));
    await inParallel(toLookAt, looksAtOnce, ({ entry }) => this.#lookAmongOthers(entry));
    if (this.#isOpen && thoroughly) for (const entry of this.entries.values()) this.#options.notify(entry, "state");
    this.#isOpen = true;
  }

  /** Adds a new entry; it is recorded before its container is created. */
  add(about: About): ContainerEntry {
    this.#options.folder.create(about);
    return this.#enter(about);
  }

  /** Takes something up that cannot be started, with its reason. */
  stillborn(about: About, reason: string): void {
    const entry = this.entries.get(about.name) ?? this.add(about);
    this.#options.folder.explain(entry.name, reason);
    this.#ended(entry, couldNotStart(this.#options.clock.now()));
  }

  async forget(entry: ContainerEntry): Promise<void> {
    this.entries.delete(entry.name);
    await this.#released(entry);
    this.#options.folder.remove(entry.name);
  }

  /** Looks how one container stands, and acts on it. Faults: its state cannot be read. */
  async look(entry: ContainerEntry): Promise<void> {
    if (entry.isLeaving) return this.delete(entry);
    await this.#act(entry, await this.#inspect(entry));
    if (entry.ending === null) this.#mended(entry);
  }

  /** Removes an ended container. Faults: those of the engine, reported only for this container. */
  async delete(entry: ContainerEntry): Promise<void> {
    if (entry.id !== null) await this.#options.calls.remove(entry.id);
    await this.forget(entry);
  }

  /** Its state is unknown: reports it, and retries with growing pauses. */
  troubled(entry: ContainerEntry, thrown: unknown): void {
    const isNews = entry.trouble === null;
    entry.trouble = asFault(thrown);
    entry.failures += 1;
    entry.again?.();
    entry.again = this.#lookLater(entry, backoff(entry.failures, again));
    if (isNews && this.#isOpen) this.#options.notify(entry, "state");
  }

  #mended(entry: ContainerEntry): void {
    const isNews = entry.trouble !== null;
    entry.trouble = null;
    entry.failures = 0;
    entry.again?.();
    entry.again = null;
    if (isNews && this.#isOpen && !this.#isClosed) this.#options.notify(entry, "state");
  }

  /** An engine that does not answer is a fault; one that only cannot say this is a trouble of this container alone. */
  async #lookAmongOthers(entry: ContainerEntry): Promise<void> {
    try {
      await this.look(entry);
    } catch (thrown) {
      await this.#options.calls.ping();
      this.troubled(entry, thrown);
    }
  }

  async #act(entry: ContainerEntry, inspected: Inspected | null): Promise<void> {
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
   * Handles an event by inspecting its effect; only the first end of a command is taken from the event itself.
   * `isWatched`: the connection to the engine is complete. While it is restored, output may have been cut off.
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

  /** Null: its output goes to who is attached. */
  follower(entry: ContainerEntry): OutputFollower | null {
    if (isAttached(entry)) return null;
    const { engine, folder, notify, failed } = this.#options;
    entry.follower ??= new OutputFollower({
      engine,
      id: entry.id ?? entry.name,
      directory: folder.path(entry.name),
      failed,
      wrote: () => notify(entry, "output"),
    });
    return entry.follower;
  }

  /**
   * Takes a container away whose command was never begun. The engine refuses when it was begun meanwhile; so a start that
   * was asked for and never answered is decided here, one way or the other.
   */
  async abandon(entry: ContainerEntry): Promise<void> {
    if (entry.id !== null) {
      try {
        await this.#options.calls.remove(entry.id);
      } catch (thrown) {
        const inspected = isRefusal(thrown, 409) ? await this.#inspect(entry) : null;
        // Neither begun nor to be removed: the engine has been removing it since before, perhaps forever.
        if (inspected === null || timeOf(inspected.State.StartedAt) === null) throw thrown;
        return this.#act(entry, inspected);
      }
    }
    await this.forget(entry);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.entries.values()];
    await Promise.all(all.map((entry) => entry.follower?.stop().catch(this.#options.failed)));
    await Promise.allSettled(all.map((entry) => entry.ending));
  }

  #enter(about: About): ContainerEntry {
    const { folder, clock } = this.#options;
    const { name } = about;
    const ended = folder.ended(name);
    const entry: ContainerEntry = {
      about,
      name,
      key: labelledKey(about),
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
      isHeld: false,
      trouble: null,
      failures: 0,
      again: null,
      isLeaving: false,
    };
    this.entries.set(name, entry);
    return entry;
  }

  async #inspect({ id }: ContainerEntry): Promise<Inspected | null> {
    return id === null ? null : this.#options.calls.inspect(id);
  }

  #met(about: About, { Id, State, Created }: Listed): Met {
    const entry = this.entries.get(about.name) ?? this.add(about);
    entry.id = Id;
    entry.createdAt = Created * 1_000;
    return { entry, isUp: State === "running" || State === "paused" };
  }

  /** Its container is not there: it was never made, or somebody else took it away. */
  async #vanished(entry: ContainerEntry): Promise<void> {
    if (entry.exit !== null || entry.ending !== null || entry.isStarting) return;
    if (entry.startedAt === null && this.#options.folder.mark(entry.name, "begun") === null) return this.forget(entry);
    const { end } = entry;
    this.#ended(entry, end ? exitOfEnd(end, wasStopped(entry)) : lost(this.#options.clock.now()));
    await this.#released(entry);
  }

  /** A container that is made but not started: the engine could not, or nobody is going to. */
  async #unstarted(entry: ContainerEntry, { Error: words }: ContainerState): Promise<void> {
    if (words !== "") this.stillborn(entry.about, words);
    else if (!entry.isStarting) await this.abandon(entry);
  }

  #began(entry: ContainerEntry, startedAt: number): void {
    entry.startedAt = startedAt;
    if (this.#isOpen) this.#options.notify(entry, "state");
  }

  #runs(entry: ContainerEntry, { startedAt, pid }: { startedAt: number; pid: number }): void {
    const isSame = entry.startedAt === startedAt;
    if (!isSame) entry.ranOutOfMemory = false;
    entry.startedAt = startedAt;
    entry.pid = pid;
    entry.end = null;
    this.#options.folder.clearEnd(entry.name);
    this.follower(entry)?.resume();
    if (!entry.isArmed) this.#armLater(entry, startedAt);
    if (!isSame && this.#isOpen) this.#options.notify(entry, "state");
  }

  /**
   * The engine starts a crashed program again within a tenth of a second, before anybody could stop it. So it may do so only
   * for an instance that has proven itself: most crashes are those of new releases, in their first seconds.
   */
  #armLater(entry: ContainerEntry, startedAt: number): void {
    if (entry.about.kind === "task" || entry.arming !== null) return;
    const { clock, armedAfterMs } = this.#options;
    const isDue = () => this.#mayArm(entry) && entry.startedAt === startedAt && !entry.isArmed && entry.arming === null;
    clock.after(Math.min(armedAfterMs, Math.max(0, startedAt + armedAfterMs - clock.now())), () => {
      if (isDue())
        entry.arming = this.#arm(entry).finally(() => {
          entry.arming = null;
        });
    });
  }

  #mayArm(entry: ContainerEntry): boolean {
    const isHere = !this.#isClosed && this.entries.get(entry.name) === entry;
    return isHere && entry.exit === null && entry.ending === null && !wasStopped(entry);
  }

  async #arm(entry: ContainerEntry): Promise<void> {
    entry.isArmed = true;
    await this.#options.calls.setPolicy(entry.id ?? "", armed).catch((thrown) => {
      this.#options.failed(thrown);
      // The next look arms it. Where the engine cannot even be asked how it stands, that is told then.
      entry.isArmed = false;
      this.#lookLater(entry, again.limit);
    });
  }

  /** Deals with an end. What fails is done again after another look, or when the engine is back. */
  #close(entry: ContainerEntry, isWatched: boolean): void {
    entry.follower?.expectEnd();
    entry.ending ??= this.#end(entry, isWatched)
      .then(
        () => this.#mended(entry),
        (thrown) => this.troubled(entry, thrown),
      )
      .finally(() => {
        entry.ending = null;
      });
  }

  #lookLater(entry: ContainerEntry, ms: number): () => void {
    return this.#options.clock.after(ms, () => {
      if (this.#isClosed || this.entries.get(entry.name) !== entry) return;
      this.look(entry).catch((thrown) => this.troubled(entry, thrown));
    });
  }

  /**
   * Brings an end to its end: the engine must not start the command again, and all output must be there. Only then is the
   * exit known. Who is away from the engine, or sees it going away, leaves things as they are: then the engine is to start
   * the instance again when it comes back.
   */
  async #end(entry: ContainerEntry, isWatched: boolean): Promise<void> {
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
      await this.follower(entry)?.finish(isWatched);
    }
    const end = entry.end ?? (state ? endOf(state, clock.now()) : null);
    const isOutOfMemory = end?.isOutOfMemory || entry.ranOutOfMemory || (state?.OOMKilled ?? false);
    this.#ended(entry, end ? exitOfEnd({ ...end, isOutOfMemory }, wasStopped(entry)) : lost(clock.now()));
    await this.#released(entry);
  }

  /**
   * Calls off the engine's next start, as any signal does; where it was quicker, the second run is ended. SIGKILL is only
   * sent to what runs: for a container about to start, the engine waits ten seconds for it to end. An engine that is going
   * away ended everything itself, and is to start it again.
   */
  async #disarm(entry: ContainerEntry): Promise<void> {
    const { calls } = this.#options;
    await calls.ping();
    await calls.kill(entry.id ?? "", "SIGCONT");
    const state = await this.#atRest(entry);
    if (state !== null && isUp(state)) await this.#kill(entry);
    await calls.setPolicy(entry.id ?? "", disarmed);
    entry.isArmed = false;
  }

  async #kill({ id }: ContainerEntry): Promise<void> {
    if (id !== null) await this.#options.calls.kill(id, "SIGKILL");
  }

  /** The state of a container that the engine is not about to start; null when it is gone. */
  async #atRest(entry: ContainerEntry): Promise<ContainerState | null> {
    for (let waited = 0; waited < restMs.within; waited += restMs.every) {
      const inspected = await this.#inspect(entry);
      if (!inspected?.State.Restarting) return inspected?.State ?? null;
      await pause(restMs.every);
    }
    throw new Fault("operation.failed", `the engine does not stop starting ${entry.name}`);
  }

  #ended(entry: ContainerEntry, exit: Exit): void {
    const startedAt = entry.startedAt ?? exit.at;
    this.#options.folder.setEnded(entry.name, { startedAt, exit });
    Object.assign(entry, { startedAt, exit });
    this.#options.notify(entry, "output");
    this.#options.notify(entry, "state");
  }

  async #released(entry: ContainerEntry): Promise<void> {
    await entry.follower?.stop();
    entry.follower = null;
  }
}
