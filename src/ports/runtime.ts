import type { EnvKey } from "../model/environment.ts";
import type {
  InstanceSpec,
  ObservedInstance,
  ObservedTask,
  TaskSpec,
  TerminalSize,
  Unreadable,
  Usage,
} from "../model/instance.ts";
import { type Inside, nowhere } from "../model/route.ts";
import type { VolumeId } from "../model/volume.ts";
import type { DataSpec, ObservedData, UnknownWorkload } from "../model/workload.ts";

export type OutputStream = "stdout" | "stderr";

/** A piece of one stream: at most `limit` bytes from `offset` on. */
export interface OutputRange {
  readonly stream: OutputStream;
  readonly offset: number;
  readonly limit: number;
}

/**
 * Data read from a stream. An instance may make its output sparse, or truncate it: then the data do not begin at the
 * requested offset.
 */
export interface Output {
  /** Where `bytes` begin: at `offset`; after a hole there, even without more data; or at 0 after a truncation. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A change that the runtime noticed. It contains only the key and the name; observing shows what happened. */
export interface RuntimeChange {
  readonly key: EnvKey;
  readonly name: string;
  /** `state`: it started or ended. `output`: it wrote something. */
  readonly what: "state" | "output";
}

/** A process other than those of an instance at its address. */
export interface Stranger {
  /** In words for people, e.g. `"node" (process 4711 of uid 1001)`. */
  readonly who: string;
  /** False: the process that answered there no longer listens. */
  readonly isThere: boolean;
}

export interface ObservedWorld {
  /** Of services; `data` has those of data services. */
  readonly instances: readonly ObservedInstance[];
  readonly data: readonly ObservedData[];
  readonly tasks: readonly ObservedTask[];
  /** Neither known to run nor to have ended: it never counts as ready, and nothing is started in its place. */
  readonly unreadable: readonly Unreadable[];
  readonly unknownKinds: readonly UnknownWorkload[];
  /** How instances of this environment reach its internal services. */
  readonly inside: Inside;
}

/** Directories of environments that outlive all that uses them, by deterministic names. Nothing else ever removes one. */
export interface Volumes {
  /** Makes a volume, empty, unless it is there. Whatever runs as its environment's user may write in it. */
  ensure(volume: VolumeId): Promise<void>;
  /** Those of an environment that this runtime made. */
  list(key: EnvKey): Promise<readonly VolumeId[]>;
  /**
   * Deletes a volume with its data; one that is not there is no error. Faults: `confirm.needed` unless `confirmed` is its
   * name, as a person gave it; `operation.failed` while a living instance has it.
   */
  remove(volume: VolumeId, confirmed: string): Promise<void>;
}

/** Where nothing was ever started. */
export const emptyWorld: ObservedWorld = {
  instances: [],
  data: [],
  tasks: [],
  unreadable: [],
  unknownKinds: [],
  inside: nowhere,
};

/**
 * Runs instances and tasks, and finds them again by identity after the controller was down. Contract, for every adapter
 * (src/testing/conformance/runtime.ts):
 * - `start` and `startTask` are idempotent by name. A task's command is begun at most once per name, whatever happens.
 * - A start that cannot succeed (no such program) does not throw: it appears as an exit with reason `could-not-start`.
 * - Instances outlive the controller, and the next one sees them with the same identity, address and start time.
 * - One that cannot be inspected is `unreadable`; everything else is still observed.
 * - An ended instance or task stays visible, with its exit, until `remove`.
 * - Only objects that this runtime started are seen, signalled or removed; an unknown name is not an error for `signal`
 *   and `remove`.
 * - What a later version started, of a kind that this one does not know, is observed as that and else left alone: it is
 *   no name for `signal` and `remove`, and nothing that it uses (name, port, address, network) is given to others or
 *   taken away.
 */
export interface Runtime {
  /** Whether the system itself kills an instance that uses too much memory; otherwise the engine checks. */
  readonly capsMemory: boolean;
  /** A start makes none: an instance whose volume is not there shows as one that could not start. */
  readonly volumes: Volumes;
  /** The host name of an internal service for instances of its environment; the same for every release. */
  innerHost(key: EnvKey, service: string): string;
  /** Everything of one environment, ended ones included. */
  observe(key: EnvKey): Promise<ObservedWorld>;
  /** All environments that have any object, for finding orphans. */
  keys(): Promise<readonly EnvKey[]>;
  start(spec: InstanceSpec | DataSpec): Promise<void>;
  startTask(spec: TaskSpec): Promise<void>;
  /**
   * Sends a signal (`SIGTERM`, …) to an instance or task. SIGKILL goes to all of its processes. Another signal goes
   * only to the first process if that handles it, because it notifies its children itself: Celery's would otherwise
   * lose the tasks that they must finish. If the first process would just die of it, plain processes behind it get it
   * too, and have their time; in a container they end with it, as the engine defines.
   */
  signal(name: string, signal: string): Promise<void>;
  /** Removes an ended instance or task with its output. Refuses (`operation.failed`) while it runs. */
  remove(name: string): Promise<void>;
  /** Ports on which the processes of an instance listen, in ascending order. */
  listening(name: string): Promise<readonly number[]>;
  /** Who answers at the address of an instance, if not only the instance; null if it does, or if that is unknown. */
  strangerAt(name: string): Promise<Stranger | null>;
  usage(name: string): Promise<Usage | null>;
  /**
   * Files that an instance wrote beside its code, by their paths from its working directory, sorted: they are removed with
   * it. Without what an app can do without (src/model/written.ts); at most 100.
   */
  written(name: string): Promise<readonly string[]>;
  /** The available part of a range of output; empty at the end. Output is kept until `remove` or `releaseOutput`. */
  readOutput(name: string, range: OutputRange): Promise<Output>;
  /** Output before `offset` is stored elsewhere and its disk space may be freed. Offsets do not change. */
  releaseOutput(name: string, stream: OutputStream, offset: number): Promise<void>;
  /** Reports changes until the returned function is called. May report too much; misses an end for a second at most. */
  changes(listener: (change: RuntimeChange) => void): () => void;
  close(): Promise<void>;
}

/** The standard streams of an attached task. Bytes are passed as they are and kept nowhere. */
export interface Attachment {
  /** What the task writes, until its end. If nobody reads it, the task waits. With a terminal, all output is here. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Passes input; resolves when the task's stream has taken it. After the end of the task it is dropped. */
  write(bytes: Uint8Array): Promise<void>;
  /** The end of the input. A terminal has none: there it is a key. */
  end(): void;
  /** Tells the programs on the terminal about its new size (SIGWINCH). */
  resize(size: TerminalSize): Promise<void>;
  /** Closes the streams. A terminal hangs up: the programs on it get SIGHUP. */
  hangUp(): void;
  /** The same, and the task is held no longer. */
  release(): void;
}

/**
 * A runtime whose tasks can be attached. Contract (src/testing/conformance/attached.ts):
 * - An attached task runs as any other, but its streams are the attachment's; `readOutput` has only why it could not
 *   start.
 * - It ends by itself, by a signal, or with its terminal. When it was released or the controller is gone, nobody holds
 *   it: the planner kills it.
 */
export interface AttachingRuntime extends Runtime {
  /** Starts a task of purpose `attached`, on a terminal of this size or, with null, on three pipes. */
  startAttached(spec: TaskSpec, terminal: TerminalSize | null): Promise<Attachment>;
}
