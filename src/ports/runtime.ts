import type { EnvKey } from "../model/environment.ts";
import type { InstanceSpec, ObservedInstance, ObservedTask, TaskSpec, Unreadable, Usage } from "../model/instance.ts";
import { type Inside, nowhere } from "../model/route.ts";
import type { DataSpec, ObservedData, UnknownWorkload } from "../model/workload.ts";

export type OutputStream = "stdout" | "stderr";

/** A piece of one stream: at most `limit` bytes from `offset` on. */
export interface OutputRange {
  readonly stream: OutputStream;
  readonly offset: number;
  readonly limit: number;
}

/** What was read of a stream. An instance may make its output sparse, or cut it: then it does not begin where it was asked for. */
export interface Output {
  /** Where `bytes` begin: at `offset`; behind a hole there, also when nothing follows it; or at 0 after the output was cut. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Something that the runtime noticed by itself. It carries the key and the name; what happened is found by observing. */
export interface RuntimeChange {
  readonly key: EnvKey;
  readonly name: string;
  /** `state`: it started or ended. `output`: it wrote something. */
  readonly what: "state" | "output";
}

/** Somebody else than the processes of an instance at its address. */
export interface Stranger {
  /** In words for people, e.g. `"node" (process 4711 of uid 1001)`. */
  readonly who: string;
  /** False: whoever answered there listens no more. */
  readonly isThere: boolean;
}

export interface ObservedWorld {
  /** Of services; `data` has those of data services. */
  readonly instances: readonly ObservedInstance[];
  readonly data: readonly ObservedData[];
  readonly tasks: readonly ObservedTask[];
  /** Neither running nor gone as far as anybody knows: it never counts as ready, and nothing is started in its place. */
  readonly unreadable: readonly Unreadable[];
  readonly unknownKinds: readonly UnknownWorkload[];
  /** How instances of this environment reach services that are for them alone. */
  readonly inside: Inside;
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
 * Runs instances and tasks, and finds them again by identity after the controller was away.
 * Contract, for every adapter (src/testing/conformance/runtime.ts):
 * - `start` and `startTask` are idempotent by name. A task's command is begun at most once per name, whatever happens.
 * - A start that cannot succeed (no such program) is not thrown: it shows as an exit with reason `could-not-start`.
 * - What is started outlives the controller and is seen by the next one with the same identity, address and start time.
 * - One that cannot be looked at is `unreadable`; it keeps nothing else from being observed.
 * - An ended instance or task stays visible, with its exit, until `remove`.
 * - Only what this runtime started is seen, signalled or removed; an unknown name is no error for `signal` and `remove`.
 * - What a later version started, of a kind that this one does not know, is observed as that and else left alone: it is no
 *   name for `signal` and `remove`, and nothing that it uses (name, port, address, network) is given to others or taken away.
 */
export interface Runtime {
  /** Whether the system itself ends an instance that uses more memory than it may; else the engine looks. */
  readonly capsMemory: boolean;
  /** The host by which instances of an environment find one of its internal services; the same for every release. */
  innerHost(key: EnvKey, service: string): string;
  /** Everything of one environment, ended ones included. */
  observe(key: EnvKey): Promise<ObservedWorld>;
  /** The environments that have anything at all, for finding orphans. */
  keys(): Promise<readonly EnvKey[]>;
  start(spec: InstanceSpec | DataSpec): Promise<void>;
  startTask(spec: TaskSpec): Promise<void>;
  /**
   * Sends a signal (`SIGTERM`, …) to an instance or task. SIGKILL reaches all of its processes. Another one reaches the first
   * alone when that handles it, for its children are its own to tell: Celery's would otherwise lose the tasks that they are
   * meant to finish. When the first would just die of it, plain processes behind it get it too, and have their time; in a
   * container they end with it, as the engine has it.
   */
  signal(name: string, signal: string): Promise<void>;
  /** Forgets an ended instance or task with its output. Refuses (`operation.failed`) while it runs. */
  remove(name: string): Promise<void>;
  /** Ports on which the processes of an instance listen, rising. */
  listening(name: string): Promise<readonly number[]>;
  /** Who is reached at the address of an instance when it is not the instance alone; null when it is, or nobody can tell. */
  strangerAt(name: string): Promise<Stranger | null>;
  usage(name: string): Promise<Usage | null>;
  /** What there is of a range of output; empty at the end. Output is kept until `remove` or `releaseOutput`. */
  readOutput(name: string, range: OutputRange): Promise<Output>;
  /** Output before `offset` is stored elsewhere and its disk space may be freed. Offsets do not change. */
  releaseOutput(name: string, stream: OutputStream, offset: number): Promise<void>;
  /** Reports changes until the answer is called. May report too much, and never misses an end for longer than a second. */
  changes(listener: (change: RuntimeChange) => void): () => void;
  close(): Promise<void>;
}
