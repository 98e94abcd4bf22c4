import type { EnvKey } from "./environment.ts";
import type { Confinement, Env } from "./release.ts";
import type { Mount } from "./volume.ts";

/** The identity of an instance. The runtime stores it, so that instances are found by identity, not by address. */
export interface InstanceIdentity {
  readonly kind: "service";
  readonly key: EnvKey;
  readonly service: string;
  readonly release: number;
  readonly deployment: string;
  /** Its index among the replicas, from 0. */
  readonly ordinal: number;
  /** How often this index was started before: the replacement of a crashed instance has one more. */
  readonly attempt: number;
}

/** The deterministic name of an instance: a second start with it has no effect. */
export function instanceName(identity: InstanceIdentity): string {
  const { key, service, release, deployment, ordinal, attempt } = identity;
  const generation = deployment.slice(deployment.indexOf("_") + 1);
  return `fl-${key.app}-${key.environment}-${service}-v${release}-${ordinal}-${generation}-${attempt}`;
}

/**
 * Who an instance of a data service is. It belongs to its environment and not to a release: deployments come and go
 * beside it.
 */
export interface DataIdentity {
  readonly kind: "data";
  readonly key: EnvKey;
  /** The data service. */
  readonly service: string;
  /** How often it was started before. */
  readonly attempt: number;
}

/** The deterministic name of a data instance. No service instance or task has such a name. */
export function dataName({ key, service, attempt }: DataIdentity): string {
  return `fl-${key.app}-${key.environment}-${service}-data-${attempt}`;
}

/** `Identity`: of a service instance, unless another kind is said (`src/model/workload.ts`). */
export interface InstanceSpec<Identity = InstanceIdentity> extends Confinement {
  readonly name: string;
  readonly identity: Identity;
  readonly artifact: string;
  /** Null: the image's own command. */
  readonly command: readonly string[] | null;
  readonly env: Readonly<Record<string, string>>;
  /** Whether it needs an address that the edge and the probes can connect to, and its preferred port. */
  readonly port: number | null;
  /** Hosts of internal services of its environment that it must be able to resolve. */
  readonly neighbours: readonly string[];
  readonly volumes: readonly Mount[];
  /** Ports for others of its environment alone, beside `port`. Each listens where `portVariable` says. */
  readonly tcpPorts: readonly number[];
}

/** The variable that says where an instance listens for one of its `tcpPorts`. */
export function portVariable(port: number): string {
  return `PORT_${port}`;
}

/** Where instances of its environment, and nobody else's, reach one of an instance's `tcpPorts`. */
export interface PrivatePort {
  readonly port: number;
  readonly at: Address;
}

/** An instance or task in a plan: it contains only the versions of set values. */
export type Planned<Spec extends { readonly env: object }> = Omit<Spec, "env"> & { readonly env: Env };

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How a process ended. `lost`: it ended unobserved (the machine restarted, or it was killed with its keeper). */
export interface Exit {
  readonly at: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly reason: "exited" | "signalled" | "out-of-memory" | "could-not-start" | "lost";
}

/** The runtime's view of an instance. */
export interface ObservedInstance<Identity = InstanceIdentity> {
  readonly name: string;
  readonly identity: Identity;
  readonly startedAt: number;
  readonly address: Address | null;
  readonly privatePorts: readonly PrivatePort[];
  /** When the stop signal was sent, if it was. */
  readonly stopSignalAt: number | null;
  /** When SIGKILL was sent, if it was. */
  readonly killedAt: number | null;
  /** Null while it runs. */
  readonly exit: Exit | null;
}

/**
 * Why an instance must be removed. `unwanted`: nothing is wrong with it. `ended`: it ended by itself. `not-ready`: it
 * never passed its gate. `not-alive`: it stopped answering. `over-memory`: it used more memory than allowed.
 */
export type RetireReason = "unwanted" | "ended" | "not-ready" | "not-alive" | "over-memory";

/** Facts about an instance beyond the runtime's view; stored in the journal. */
export interface InstanceFacts {
  readonly name: string;
  /** When it passed its gate; only then may a route point at it. */
  readonly gatedAt: number | null;
  /** When it was decided to remove it. */
  readonly retiredAt: number | null;
  readonly retiredBecause: RetireReason | null;
}

/** The current probe results of an instance; not stored, probed again after a restart of the controller. */
export interface ProbeState {
  /** Good readiness answers in a row. */
  readonly readyInRow: number;
  /** Bad readiness answers in a row. */
  readonly unreadyInRow: number;
  /** Bad aliveness answers in a row. */
  readonly deadInRow: number;
  /** The last readiness answer in words, e.g. `GET /ready → 503`. */
  readonly lastAnswer: string | null;
  /** Ports that the instance listens on although nothing listens on its own port; null if not checked. */
  readonly listensOn: readonly number[] | null;
  /** Milliseconds since the last readiness answer. Omitted: just now. */
  readonly lastAgoMs?: number;
  /** Who answers at its address instead, in words; null or omitted: nobody. */
  readonly stranger?: string | null;
  /** A fault that it answers at `/`, in words, although its own probe passes; null or omitted: none. */
  readonly front?: string | null;
}

/**
 * The last answer of an instance to a check's request; not stored, requested again after a restart of the controller.
 */
export interface CheckAnswer {
  readonly good: boolean;
  /** In words, without the secrets of its release. */
  readonly words: string;
  /** Milliseconds since it arrived. Omitted: just now. */
  readonly agoMs?: number;
}

/** What a task is to people and in the logs. `attached`: its streams are a client's, and it ends with them. */
export const taskPurposes = ["check", "release", "build", "run", "attached"] as const;

/** One run of a command to its end: a check, a release command, a build, `fairlead run`. */
export interface TaskSpec extends Confinement {
  readonly name: string;
  readonly key: EnvKey;
  readonly purpose: (typeof taskPurposes)[number];
  readonly service: string;
  readonly release: number;
  readonly deployment: string | null;
  /** Digest of the artifact it runs in, or an absolute directory while one is being built. */
  readonly artifact: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** As an instance's. */
  readonly neighbours: readonly string[];
}

export interface ObservedTask {
  readonly name: string;
  readonly spec: TaskSpec;
  readonly startedAt: number;
  /** When a signal other than SIGKILL was sent; null or omitted: none. */
  readonly stopSignalAt?: number | null;
  /** Whether this controller holds the streams of an attached task. Omitted: it does not. */
  readonly isHeld?: boolean;
  readonly exit: Exit | null;
}

/** The size of a terminal in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * Something whose state the runtime cannot determine, because it gets no answer: it runs, has ended or is partly
 * removed. It is in none of the other lists.
 */
export interface Unreadable {
  readonly name: string;
  /** Null when it is a task, or when not even its identity can be read. */
  readonly identity: InstanceIdentity | DataIdentity | null;
  /** In words of the runtime. */
  readonly why: string;
}

export interface Usage {
  readonly memoryBytes: number;
  /** CPU time used since the start, user and system. */
  readonly cpuMs: number;
  readonly processes: number;
}
