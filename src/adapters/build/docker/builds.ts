import { asFault, Fault, isMistake } from "../../../base/faults.ts";
import { type EnvKey, keyText, sameKey } from "../../../model/environment.ts";
import type { Exit, ObservedTask } from "../../../model/instance.ts";
import { type ArtifactState, unconfined } from "../../../model/release.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Output, OutputRange, Runtime, RuntimeChange } from "../../../ports/runtime.ts";
import { BuildFolder, type BuildRecord } from "./record.ts";
import type { BuildControl } from "./way.ts";

/** How the work of a build ended; `lost`: it was interrupted for a reason outside the build. */
export type WorkEnd = { readonly kind: "built" | "lost" } | ({ readonly kind: "failed" } & Failure);
type Failure = NonNullable<BuildRecord["failure"]> & { readonly exitCode: number | null };

/** Builds as tasks: they support everything that tasks of the runtime support. */
export type BuildTasks = Pick<Runtime, "keys" | "signal" | "remove" | "readOutput" | "changes"> & {
  has(name: string): Promise<boolean>;
  tasks(key: EnvKey): Promise<readonly ObservedTask[]>;
};

interface Running {
  readonly record: BuildRecord;
  readonly work: (control: BuildControl) => Promise<WorkEnd>;
  readonly stop: AbortController;
  /** The signal that ended it, if any. */
  signal: string | null;
  begun: boolean;
}

/**
 * The builds of this controller: one at a time per app, `atOnce` in all, others wait in order. Each is recorded before
 * it starts; a build of an ended controller is `lost`, because the engine ended it with the connection.
 */
export class Builds implements BuildTasks {
  readonly #folder: BuildFolder;
  readonly #clock: Clock;
  readonly #atOnce: number;
  readonly #running = new Map<string, Running>();
  readonly #ended = new Map<string, BuildRecord>();
  readonly #listeners = new Set<(change: RuntimeChange) => void>();
  #opened: Promise<void> | null = null;

  constructor({ directory, clock, atOnce }: { directory: string; clock: Clock; atOnce: number }) {
    this.#folder = new BuildFolder(directory);
    this.#clock = clock;
    this.#atOnce = atOnce;
  }

  open(): Promise<void> {
    this.#opened ??= this.#find();
    return this.#opened;
  }

  async #find(): Promise<void> {
    for (const record of await this.#folder.read()) {
      const left: BuildRecord = record.exit ? record : { ...record, exit: this.#exit("lost", null) };
      if (left !== record) await this.#folder.write(left);
      this.#ended.set(left.task, left);
    }
  }

  /** State of the newest build of an artifact: building, failed, or absent if there is none or it was interrupted. */
  stateOf(digest: string): ArtifactState {
    const running = [...this.#running.values()].find(({ record }) => record.digest === digest);
    if (running) return { state: "building", since: running.record.since, task: running.record.task };
    const all = [...this.#ended.values()].filter((record) => record.digest === digest);
    const last = all.sort((a, b) => a.since - b.since).at(-1);
    return last?.failure ? { state: "failed", ...last.failure, task: last.task } : { state: "absent" };
  }

  /** Records a build and queues it. */
  async start(about: Omit<BuildRecord, "exit" | "failure">, work: Running["work"]): Promise<void> {
    const record: BuildRecord = { ...about, exit: null, failure: null };
    this.#running.set(record.task, { record, work, stop: new AbortController(), signal: null, begun: false });
    try {
      await this.#folder.write(record);
    } catch (thrown) {
      this.#running.delete(record.task);
      throw thrown;
    }
    this.#tell(record, "state");
    this.#next();
  }

  #next(): void {
    const all = [...this.#running.values()];
    const busy = all.filter(({ begun }) => begun);
    const apps = new Set(busy.map(({ record }) => record.key.app));
    const next = all.find(({ begun, record }) => !begun && !apps.has(record.key.app));
    if (!next || busy.length >= this.#atOnce) return;
    next.begun = true;
    void this.#run(next);
    this.#next();
  }

  /** Never rejects: every failure becomes the build's end. */
  async #run(running: Running): Promise<void> {
    const { record, work, stop } = running;
    const log = this.#folder.log(record.task, () => this.#tell(record, "output"));
    let end: WorkEnd;
    try {
      end = stop.signal.aborted ? { kind: "lost" } : await work({ say: (line) => log.say(line), signal: stop.signal });
      await log.end();
    } catch (thrown) {
      log.say(thrown instanceof Fault ? thrown.detail : `the build was interrupted: ${asFault(thrown).detail}`);
      await log.end();
      end = { kind: "lost" };
    }
    await this.#close(running, end);
  }

  async #close({ record, signal }: Running, end: WorkEnd): Promise<void> {
    const ended: BuildRecord = { ...record, exit: this.#exitOf(end, signal), failure: failureOf(end, signal) };
    this.#ended.set(record.task, ended);
    this.#running.delete(record.task);
    // Without a record it is lost after a restart, which is safe.
    await this.#folder.write(ended).catch(unlessMistake);
    this.#tell(record, "state");
    this.#next();
  }

  #exitOf(end: WorkEnd, signal: string | null): Exit {
    if (signal !== null) return { ...this.#exit("signalled", null), signal };
    if (end.kind === "failed") {
      const reason = end.code === "build.out-of-memory" ? "out-of-memory" : "exited";
      return this.#exit(reason, end.exitCode ?? 1);
    }
    return end.kind === "built" ? this.#exit("exited", 0) : this.#exit("lost", null);
  }

  #exit(reason: Exit["reason"], code: number | null): Exit {
    return { at: this.#clock.now(), code, signal: null, reason };
  }

  async has(name: string): Promise<boolean> {
    await this.open();
    return this.#running.has(name) || this.#ended.has(name);
  }

  async keys(): Promise<readonly EnvKey[]> {
    await this.open();
    const keys = this.#records().map(({ key }) => [keyText(key), key] as const);
    return [...new Map(keys).values()];
  }

  async tasks(key: EnvKey): Promise<readonly ObservedTask[]> {
    await this.open();
    return this.#records()
      .filter((record) => sameKey(record.key, key))
      .map(taskOf);
  }

  async signal(name: string, signal: string): Promise<void> {
    const running = this.#running.get(name);
    if (!running) return;
    running.signal ??= signal;
    running.stop.abort(new Fault("deployment.cancelled", "nothing waits for this build any more"));
    if (!running.begun) await this.#close(running, { kind: "lost" });
  }

  async remove(name: string): Promise<void> {
    if (this.#running.has(name)) throw new Fault("operation.failed", `${name} still runs`);
    this.#ended.delete(name);
    await this.#folder.remove(name);
  }

  async readOutput(name: string, { stream, offset, limit }: OutputRange): Promise<Output> {
    const isLog = stream === "stdout";
    return { at: offset, bytes: isLog ? await this.#folder.readLog(name, { offset, limit }) : new Uint8Array() };
  }

  changes(listener: (change: RuntimeChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #records(): readonly BuildRecord[] {
    return [...this.#ended.values(), ...Array.from(this.#running.values(), ({ record }) => record)];
  }

  #tell({ key, task }: BuildRecord, what: RuntimeChange["what"]): void {
    for (const listener of this.#listeners) listener({ key, name: task, what });
  }
}

function unlessMistake(thrown: unknown): void {
  if (isMistake(thrown)) throw thrown;
}

function failureOf(end: WorkEnd, signal: string | null): BuildRecord["failure"] {
  return end.kind === "failed" && signal === null ? { code: end.code, detail: end.detail } : null;
}

function taskOf({ task, key, release, deployment, digest, since, exit }: BuildRecord): ObservedTask {
  const about = {
    key,
    release,
    deployment,
    artifact: digest,
    command: ["build"],
    env: {},
    neighbours: [],
    ...unconfined,
  };
  return { name: task, spec: { name: task, purpose: "build", service: "build", ...about }, startedAt: since, exit };
}
