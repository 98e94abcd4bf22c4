import { isDestroyed } from "../model/environment.ts";
import type { Snapshot } from "./plan.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import { stopChanges } from "./stop.ts";

/** The longest time without reading the clock: it can be set, and machines sleep. */
const lookAtClockMs = 300_000;

/** Whether a preview has expired and is not removed yet. */
export function isDue({ environment: { preview }, now }: Pick<Snapshot, "environment" | "now">): boolean {
  return preview !== null && preview.endedAt === null && now >= preview.endsAt;
}

/**
 * Removes an expired preview or a destroyed environment: stopped, maintenance off, replicas reset, all its values
 * destroyed. One record, so that a crash leaves all of it or nothing; instances are then stopped as after `down`.
 */
export function takeDown({ key, now, environment, deployments }: Snapshot, builder: PlanBuilder): void {
  if (environment.preview === null) return;
  const { environment: name } = key;
  const why = isDestroyed(environment) ? `the environment ${name} is destroyed` : `the preview ${name} has expired`;
  for (const change of stopChanges(key, deployments)) builder.record(change, why);
  builder.record({ kind: "preview.ended", key, at: now }, why);
  builder.event("preview.ended", null, why);
}

/** Makes sure that the expiry of a preview is not missed. */
export function awaitEnd({ environment: { preview }, now }: Snapshot, builder: PlanBuilder): void {
  if (preview !== null && preview.endedAt === null) builder.lookAgainIn(Math.min(preview.endsAt - now, lookAtClockMs));
}
