import type { FaultRecord } from "../base/faults.ts";
import type { PlanChange } from "../model/change.ts";
import type { Deployment } from "../model/deployment.ts";
import { type Environment, type EnvKey, newEnvironment } from "../model/environment.ts";
import type {
  CheckAnswer,
  InstanceFacts,
  InstanceSpec,
  ObservedInstance,
  ObservedTask,
  Planned,
  ProbeState,
  TaskSpec,
  Unreadable,
} from "../model/instance.ts";
import type { ArtifactSpec, ArtifactState, Release } from "../model/release.ts";
import { type Inside, nowhere, type RouteTable, type Upstream, type UpstreamStats } from "../model/route.ts";
import type { ObservedData, UnknownWorkload } from "../model/workload.ts";

/** The readings of the sensors of an environment. Each member has a sensor of that name (`src/engine/sensors/register.ts`). */
export interface Sensed {
  readonly probes: Readonly<Record<string, ProbeState>>;
  /** Answers to the probes of checks, by the names of `inquiriesOf`. */
  readonly answers: Readonly<Record<string, CheckAnswer>>;
  /** How many lines of level error or worse an instance has written. */
  readonly errorLines: Readonly<Record<string, number>>;
  /** Memory in bytes of instances with a limit, when last measured. */
  readonly memory: Readonly<Record<string, number>>;
  /** Files that serving instances have written beside their code. */
  readonly written: Readonly<Record<string, readonly string[]>>;
}

/** Readings before anything was sensed. */
export const nothingSensed: Sensed = { probes: {}, answers: {}, errorLines: {}, memory: {}, written: {} };

/** The snapshot of one environment: everything that a decision may depend on. */
export interface Snapshot extends Sensed {
  readonly now: number;
  readonly key: EnvKey;
  readonly environment: Environment;
  /** Every release that serves, served before, or belongs to a deployment below. */
  readonly releases: readonly Release[];
  /** The deployments that have not ended, oldest first. */
  readonly deployments: readonly Deployment[];
  /** Instances of services. */
  readonly instances: readonly ObservedInstance[];
  /** Instances of data services. */
  readonly data: readonly ObservedData[];
  /** Workloads of kinds that this version does not know. */
  readonly unknownKinds: readonly UnknownWorkload[];
  /** Instances that no deployment in the journal explains; they are left alone. Omitted: none. */
  readonly unexplained?: readonly ObservedInstance[];
  /** The journal does not know this environment: everything that exists of it is left alone. */
  readonly isUnknown?: boolean;
  /**
   * Deployments by their ids, and instances by their names, whose times in the journal are from before the clock was
   * last set, with times as they would be recorded now. Omitted: none.
   */
  readonly misdated?: readonly string[];
  readonly facts: readonly InstanceFacts[];
  readonly tasks: readonly ObservedTask[];
  /** Instances whose state is unknown. */
  readonly unreadable: readonly Unreadable[];
  /** How instances of the environment reach services that are for them alone. */
  readonly inside: Inside;
  /** State of every artifact that a release above names. */
  readonly artifacts: Readonly<Record<string, ArtifactState>>;
  /** The lasting fault of the last step, which a retry would not fix. */
  readonly refusal: FaultRecord | null;
  readonly edge: {
    readonly up: boolean;
    readonly table: RouteTable | null;
    readonly stats: Readonly<Record<string, UpstreamStats>>;
  };
}

/** An empty, unknown environment. */
export function emptySnapshot(key: EnvKey, now: number): Snapshot {
  return {
    now,
    key,
    environment: newEnvironment(key),
    releases: [],
    deployments: [],
    instances: [],
    data: [],
    unknownKinds: [],
    facts: [],
    ...nothingSensed,
    tasks: [],
    unreadable: [],
    inside: nowhere,
    artifacts: {},
    refusal: null,
    edge: { up: false, table: null, stats: {} },
  };
}

/** One step. Executing it twice has the same effect as once. */
export type Step =
  | { readonly do: "record"; readonly changes: readonly PlanChange[]; readonly why: string }
  | { readonly do: "build"; readonly artifact: ArtifactSpec; readonly release: number; readonly why: string }
  | { readonly do: "run-task"; readonly task: Planned<TaskSpec>; readonly why: string }
  | { readonly do: "start"; readonly instance: Planned<InstanceSpec>; readonly why: string }
  | { readonly do: "signal"; readonly name: string; readonly signal: string; readonly why: string }
  | { readonly do: "remove"; readonly name: string; readonly why: string }
  | { readonly do: "start-edge"; readonly why: string }
  /** `newcomers`: upstreams without routes so far. Each must hold its own port when this is applied. */
  | { readonly do: "route"; readonly table: RouteTable; readonly newcomers: readonly Upstream[]; readonly why: string }
  | { readonly do: "unroute"; readonly owner: string; readonly why: string };

/** The steps to take now, in order, and when to plan again. No steps and no `againAfterMs`: at rest. */
export interface Plan {
  readonly steps: readonly Step[];
  /** The deployment that the steps belong to; null if none is running. */
  readonly deployment: string | null;
  /** The latest time to observe again without a report; null: never. */
  readonly againAfterMs: number | null;
  readonly why: string;
}

/** The subject of a step: the name of an instance, a task, an artifact or an owner. */
export function subjectOf(step: Step): string {
  switch (step.do) {
    case "record":
      return step.changes.map((change) => change.kind).join(" ");
    case "build":
      return step.artifact.digest;
    case "run-task":
      return step.task.name;
    case "start":
      return step.instance.name;
    case "signal":
    case "remove":
      return step.name;
    case "start-edge":
      return "edge";
    case "route":
      return step.table.owner;
    case "unroute":
      return step.owner;
  }
}
