import type { EnvKey } from "../model/environment.ts";
import { stopChanges } from "../plan/stop.ts";
import { type Call, environmentOf } from "./access.ts";
import { audited } from "./audit.ts";
import { guard } from "./guard.ts";

/**
 * Stops everything of an environment until its next deployment: the running deployment is cancelled, instances get
 * their stop signal, hosts answer 404. Releases, variables and data stay. Idempotent. Faults: `app.unknown`, those of
 * `guard`.
 */
export async function stopEnvironment(call: Call, key: EnvKey): Promise<void> {
  const { actor } = call;
  const { engine, journal, clock } = call.deps;
  await engine.exclusively(key, async () => {
    const environment = await environmentOf(call, key);
    if (environment.stopped) return;
    await guard(call, environment);
    const unfinished = await journal.deployments.unfinished(key);
    const event = { at: clock.now(), key, kind: "environment.stopped", deployment: null, subject: null } as const;
    await journal.commit([
      ...stopChanges(key, unfinished),
      { kind: "event", event: { ...event, detail: `stopped by ${actor.name}` } },
      audited(call, { action: "down", key }),
    ]);
  });
}
