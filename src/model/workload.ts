import type { EnvKey } from "./environment.ts";
import {
  type DataIdentity,
  type InstanceIdentity,
  type InstanceSpec,
  type ObservedInstance,
  type TaskSpec,
  taskPurposes,
} from "./instance.ts";

export type DataSpec = InstanceSpec<DataIdentity>;
export type ObservedData = ObservedInstance<DataIdentity>;

/**
 * Everything that a runtime runs. Each kind has an owner, who alone decides that one ends, and a lifetime:
 * - `service`: an instance of a service. Its owner is its deployment; it lives while its release serves.
 * - `data`: an instance of a data service. Its owner is its environment; it lives until a person removes it by name.
 * - `task`: one running of a command. Its owner is its deployment, or the person who asked; it lives until it ends.
 * What the planner ends of them is decided in `src/plan/leaving.ts`.
 */
export type Workload =
  | { readonly kind: "service"; readonly spec: InstanceSpec }
  | { readonly kind: "data"; readonly spec: DataSpec }
  | { readonly kind: "task"; readonly spec: TaskSpec };

/**
 * What carries the marks of this installation and is of a kind that this version does not know: a later version started
 * it. It is reported, and nobody signals, removes or replaces it.
 */
export interface UnknownWorkload {
  readonly name: string;
  readonly key: EnvKey;
  /** As it was written, e.g. `job` or `task backup`. */
  readonly kind: string;
}

export function workloadKey({ kind, spec }: Workload): EnvKey {
  return kind === "task" ? spec.key : spec.identity.key;
}

/** A workload as a runtime wrote it down; a previous version may have. */
export interface WrittenWorkload {
  readonly kind: string;
  readonly spec: { readonly identity?: object; readonly purpose?: string };
}

/** What previous versions did not write of an instance. */
const added = { volumes: [], tcpPorts: [] };

/** The workload in a record, with what was not written yet when it was made; null: it is of no known kind. */
export function workloadIn({ kind, spec }: WrittenWorkload): Workload | null {
  switch (kind) {
    case "instance": // earlier than kinds
    case "service":
      return {
        kind: "service",
        spec: { ...added, ...(spec as InstanceSpec), identity: serviceIdentity(spec.identity ?? {}) },
      };
    case "data":
      return { kind, spec: { ...added, ...(spec as DataSpec) } };
    case "task":
      return isPurpose(spec.purpose) ? { kind, spec: spec as TaskSpec } : null;
    default:
      return null;
  }
}

/** The identity of a service instance as it was written; previous versions wrote no kind. */
export function serviceIdentity(written: object): InstanceIdentity {
  return { ...(written as InstanceIdentity), kind: "service" };
}

export function isPurpose(text: unknown): text is TaskSpec["purpose"] {
  return taskPurposes.some((purpose) => purpose === text);
}
