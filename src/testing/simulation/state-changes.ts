import { unreachable } from "../../base/faults.ts";
import type { Environment, SealedValue, SetValue } from "../../model/environment.ts";
import type { Change } from "../../ports/journal.ts";

/** A change of what is kept about an environment itself. */
export type StateChange = Extract<
  Change,
  { kind: "serving" | "stopped" | "maintenance" | "preview" | "staged" | "scale" | "variables" | "preview.ended" }
>;

/** The environment after it. */
export function changed(environment: Environment, change: StateChange): Environment {
  const revision = environment.revision + 1;
  switch (change.kind) {
    case "serving":
      return { ...environment, serving: change.serving };
    case "stopped":
      return { ...environment, stopped: change.stopped };
    case "maintenance":
      return { ...environment, maintenance: change.maintenance };
    case "preview":
      return { ...environment, preview: change.preview };
    case "staged":
      return { ...environment, staged: change.staged };
    case "preview.ended": {
      const preview = environment.preview && { ...environment.preview, endedAt: change.at };
      return { ...environment, revision, variables: {}, scale: {}, maintenance: null, preview };
    }
    case "scale":
      return { ...environment, revision, scale: merged(environment.scale, { [change.service]: change.replicas }) };
    case "variables":
      return { ...environment, revision, variables: merged(environment.variables, pointersOf(change.set)) };
    default:
      return unreachable(change);
  }
}

function pointersOf(set: Readonly<Record<string, SealedValue | null>>): Record<string, SetValue | null> {
  const pointer = (value: SealedValue | null) => {
    if (value === null) return null;
    const { sealed: _sealed, ...rest } = value;
    return rest;
  };
  return Object.fromEntries(Object.entries(set).map(([name, value]) => [name, pointer(value)]));
}

function merged<T>(values: Readonly<Record<string, T>>, set: Readonly<Record<string, T | null>>): Record<string, T> {
  const entries = Object.entries({ ...values, ...set }).filter((entry): entry is [string, T] => entry[1] !== null);
  return Object.fromEntries(entries);
}
