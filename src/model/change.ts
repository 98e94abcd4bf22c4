import { unreachable } from "../base/faults.ts";
import type { Deployment } from "./deployment.ts";
import type { EnvKey, Serving } from "./environment.ts";
import type { Event } from "./event.ts";
import type { InstanceFacts } from "./instance.ts";

/** What a plan may record. What only a person's order may change is another type, which plans have no part in (`OrderChange`). */
export type PlanChange =
  | { readonly kind: "deployment"; readonly deployment: Deployment }
  | { readonly kind: "serving"; readonly key: EnvKey; readonly serving: Serving | null }
  | { readonly kind: "stopped"; readonly key: EnvKey; readonly stopped: boolean }
  | { readonly kind: "staged"; readonly key: EnvKey; readonly staged: number | null }
  /** The preview is taken down: out of maintenance, back to the manifest's replicas, and the text of every value destroyed. */
  | { readonly kind: "preview.ended"; readonly key: EnvKey; readonly at: number }
  | { readonly kind: "facts"; readonly key: EnvKey; readonly facts: InstanceFacts }
  | { readonly kind: "facts.forgotten"; readonly key: EnvKey; readonly name: string }
  | { readonly kind: "event"; readonly event: Omit<Event, "id"> };

/** The environment that a change is about. */
export function keyOf(change: PlanChange): EnvKey {
  switch (change.kind) {
    case "deployment":
      return change.deployment.key;
    case "event":
      return change.event.key;
    case "serving":
    case "stopped":
    case "staged":
    case "preview.ended":
    case "facts":
    case "facts.forgotten":
      return change.key;
    default:
      return unreachable(change);
  }
}
