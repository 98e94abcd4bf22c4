import type { AccessToken } from "./access-token.ts";
import type { AuditEntry } from "./audit.ts";
import type { IdempotentOutcome } from "./claim.ts";
import type { Deployment } from "./deployment.ts";
import type { EnvKey, Maintenance, Preview, SealedValue, Serving } from "./environment.ts";
import type { Event } from "./event.ts";
import type { InstanceFacts } from "./instance.ts";
import type { Release, SecretRef } from "./release.ts";

/** One change to record. */
export type Change = EnvironmentChange | ControllerChange;

/** Changes that concern the whole controller: audit entries, results of requests, and tokens. */
export type ControllerChange =
  | { readonly kind: "audit"; readonly entry: Omit<AuditEntry, "id"> }
  | { readonly kind: "claim.done"; readonly claim: string; readonly outcome: IdempotentOutcome }
  | { readonly kind: "token.created"; readonly token: AccessToken }
  | { readonly kind: "token.used"; readonly name: string; readonly at: number }
  | { readonly kind: "token.revoked"; readonly name: string };

/** Changes that concern one environment. */
export type EnvironmentChange =
  | { readonly kind: "release"; readonly release: Release }
  | { readonly kind: "deployment"; readonly deployment: Deployment }
  | { readonly kind: "serving"; readonly key: EnvKey; readonly serving: Serving | null }
  | { readonly kind: "stopped"; readonly key: EnvKey; readonly stopped: boolean }
  | { readonly kind: "maintenance"; readonly key: EnvKey; readonly maintenance: Maintenance | null }
  | { readonly kind: "preview"; readonly key: EnvKey; readonly preview: Preview }
  | { readonly kind: "staged"; readonly key: EnvKey; readonly staged: number | null }
  | { readonly kind: "scale"; readonly key: EnvKey; readonly service: string; readonly replicas: number | null }
  | { readonly kind: "variables"; readonly key: EnvKey; readonly set: Readonly<Record<string, SealedValue | null>> }
  | { readonly kind: "values.destroyed"; readonly key: EnvKey }
  | { readonly kind: "value.destroyed"; readonly key: EnvKey; readonly ref: SecretRef }
  | { readonly kind: "value.resealed"; readonly key: EnvKey; readonly ref: SecretRef; readonly sealed: string }
  | { readonly kind: "facts"; readonly key: EnvKey; readonly facts: InstanceFacts }
  | { readonly kind: "facts.forgotten"; readonly key: EnvKey; readonly name: string }
  | { readonly kind: "event"; readonly event: Omit<Event, "id"> };

const controllerKinds: readonly Change["kind"][] = [
  "audit",
  "claim.done",
  "token.created",
  "token.used",
  "token.revoked",
];

/** Whether a change may have changed an environment's state; an audit entry does not. */
export function isOfEnvironment(change: Change): change is EnvironmentChange {
  return !controllerKinds.includes(change.kind);
}

export function keyOf(change: EnvironmentChange): EnvKey {
  switch (change.kind) {
    case "release":
      return change.release.key;
    case "deployment":
      return change.deployment.key;
    case "event":
      return change.event.key;
    default:
      return change.key;
  }
}
