import type { EnvKey } from "./environment.ts";

export const eventKinds = [
  "release.created",
  "deployment.queued",
  "deployment.phase",
  "deployment.check",
  "deployment.remains",
  "deployment.ended",
  "instance.started",
  "instance.gated",
  "instance.exited",
  "instance.retired",
  "instance.unknown",
  "instance.not-alive",
  "instance.not-ready",
  "instance.backing-off",
  "routes.applied",
  "certificate.issued",
  "certificate.renewed",
  "certificate.failed",
  "edge.down",
  "edge.last-upstream-kept",
  "environment.scaled",
  "environment.configured",
  "variables.destroyed",
  "environment.stopped",
  "environment.destroyed",
  "preview.created",
  "preview.removed",
  "preview.ended",
  "maintenance.on",
  "maintenance.off",
] as const;
export type EventKind = (typeof eventKinds)[number];

/** An event, for people and for streams; `id` increases, so that a reader can continue where it stopped. */
export interface Event {
  readonly id: number;
  readonly at: number;
  readonly key: EnvKey;
  readonly kind: EventKind;
  readonly deployment: string | null;
  readonly subject: string | null;
  readonly detail: string;
}
