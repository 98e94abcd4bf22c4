import { canonicalJson } from "../base/digest.ts";
import type { EnvKey, Maintenance } from "../model/environment.ts";
import type { Snapshot } from "../plan/plan.ts";
import { type Call, environmentOf } from "./access.ts";
import { audited } from "./audit.ts";
import { guard } from "./guard.ts";

/** The default message for users. */
const usualMessage = "The site is under maintenance. Try again soon.";

export interface MaintenanceOrder {
  readonly message?: string | undefined;
  readonly page?: string | undefined;
}

/**
 * Closes an environment to its users, or opens it again (null): the edge answers 503 for all its services, while
 * instances, probes, gates and deployments continue. It survives deployments, `down` and restarts of the controller.
 * Idempotent. Faults: `app.unknown`, those of `guard`.
 */
export async function changeMaintenance(call: Call, key: EnvKey, order: MaintenanceOrder | null): Promise<void> {
  const { name } = call.actor;
  const { engine, journal, clock } = call.deps;
  const maintenance = order && { message: order.message ?? usualMessage, page: order.page ?? null };
  await engine.exclusively(key, async () => {
    const environment = await environmentOf(call, key);
    if (canonicalJson(environment.maintenance) === canonicalJson(maintenance)) return;
    await guard(call, environment);
    const kind = maintenance ? "maintenance.on" : "maintenance.off";
    const detail = maintenance ? `closed by ${name}: ${maintenance.message}` : `opened by ${name}`;
    await journal.commit([
      { kind: "maintenance", key, maintenance },
      { kind: "event", event: { at: clock.now(), key, kind, deployment: null, subject: null, detail } },
      audited(call, { action: kind, key }),
    ]);
  });
}

export interface MaintenanceStatus {
  readonly wanted: Maintenance | null;
  /** Whether the edge answers for every service that users reach right now. */
  readonly closed: boolean;
}

/** The requested state, and what the edge does. */
export function maintenanceOf({ environment, edge }: Snapshot): MaintenanceStatus {
  const routes = (edge.table?.routes ?? []).filter(({ inside }) => inside === null);
  return {
    wanted: environment.maintenance,
    closed: routes.length > 0 && routes.every(({ maintenance }) => maintenance !== null),
  };
}
