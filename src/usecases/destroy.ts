import { Fault } from "../base/faults.ts";
import { destroyed, type EnvKey, isDestroyed, keyText } from "../model/environment.ts";
import { type Call, type Deps, environmentOf } from "./access.ts";
import { audited } from "./audit.ts";
import { configured } from "./events.ts";
import { guard, refuseUnless } from "./guard.ts";

/**
 * Destroys an environment: it is taken down like a preview that expires, and forgotten as soon as nothing of it runs, with
 * its releases, values, events and log lines. The audit stays. Idempotent until then. Faults: `app.unknown`,
 * `confirm.needed` unless the request repeats the environment's name, `environment.data` while it has
 * volumes or data services, those of `guard`.
 */
export async function destroyEnvironment(call: Call, key: EnvKey): Promise<void> {
  const { actor } = call;
  const { engine, journal, clock } = call.deps;
  await engine.exclusively(key, async () => {
    const environment = await environmentOf(call, key);
    if (isDestroyed(environment)) return;
    refuseUnless(call, key.environment, `This destroys ${keyText(key)} with its releases, values and logs.`);
    if (environment.preview === null) await guard(call, environment);
    await refuseData(call.deps, key);
    const detail = `destroyed by ${actor.name}`;
    await journal.commit([
      { kind: "preview", key, preview: destroyed },
      { kind: "event", event: configured(key, clock.now(), { kind: "environment.destroyed", detail }) },
      audited(call, { action: "destroy", key }),
    ]);
  });
}

/** Fairlead never deletes data by itself. */
async function refuseData({ runtime }: Deps, key: EnvKey): Promise<void> {
  const [volumes, { data }] = await Promise.all([runtime.volumes.list(key), runtime.observe(key)]);
  const names = [
    ...volumes.map(({ name }) => `the volume ${name}`),
    ...data.map(({ name }) => `the data service ${name}`),
  ];
  if (names.length === 0) return;
  throw new Fault("environment.data", `${keyText(key)} has ${names.join(", ")}: its data would be lost`);
}
