import { keyText } from "../model/environment.ts";
import type { InstanceIdentity, ObservedInstance, Unreadable } from "../model/instance.ts";
import type { Snapshot } from "./plan.ts";
import { factsOf } from "./view.ts";

/**
 * The same snapshot with instances that cannot be inspected in their last known state: so they are not replaced, and
 * keep their traffic. `isUnreadable` identifies them: they never count as ready.
 */
export function withUnreadable(s: Snapshot): Snapshot {
  const found = s.unreadable.flatMap((one) => placed(s, one) ?? []);
  return found.length === 0 ? s : { ...s, instances: [...s.instances, ...found] };
}

/** Whether nothing is known of how an instance is. */
export function isUnreadable(s: Snapshot, { name }: Pick<ObservedInstance, "name">): boolean {
  return s.unreadable.some((one) => one.name === name);
}

function placed(s: Snapshot, { name, identity: known }: Unreadable): ObservedInstance | null {
  const identity = known ?? identityIn(s, name);
  if (identity?.kind !== "service" || s.instances.some((one) => one.name === name)) return null;
  const upstreams = s.edge.table?.routes.flatMap((route) => route.upstreams) ?? [];
  const routed = upstreams.find(({ id }) => id === name);
  const address = routed ? { host: routed.host, port: routed.port } : null;
  const startedAt = factsOf(s, name)?.gatedAt ?? s.now;
  const seen = { startedAt, address, privatePorts: [], stopSignalAt: null, killedAt: null, exit: null };
  return { name, identity, ...seen };
}

/**
 * The identity of an instance by its name (`instanceName`), where the journal knows its deployment; null for a task.
 */
function identityIn(s: Snapshot, name: string): InstanceIdentity | null {
  const prefix = `fl-${keyText(s.key).replace("/", "-")}-`;
  const found = /^(.+)-v(\d+)-(\d+)-(.+)-(\d+)$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : "");
  const deployment = deploymentsOf(s).find((id) => id.slice(id.indexOf("_") + 1) === found?.[4]);
  if (!found || deployment === undefined) return null;
  const [, service = "", release, ordinal, , attempt] = found;
  const numbers = { release: Number(release), ordinal: Number(ordinal), attempt: Number(attempt) };
  return { kind: "service", key: s.key, service, deployment, ...numbers };
}

function deploymentsOf({ deployments, environment: { serving } }: Snapshot): readonly string[] {
  const servings = [serving, ...deployments.map(({ previous }) => previous)];
  return [...deployments.map(({ id }) => id), ...servings.flatMap((one) => Object.values(one?.generations ?? {}))];
}
