import { formatDuration } from "../base/duration.ts";
import { asFault, Fault } from "../base/faults.ts";
import type { Client } from "../client/client.ts";
import { waitFor } from "../client/events.ts";
import type { StatusView } from "../contract/environments.ts";
import { type EnvKey, keyText } from "../model/environment.ts";
import type { World } from "./world.ts";

/** An instance may take its full drain and stop time (30 s each by default), then it is killed. */
const patienceMs = 120_000;

type Waiter = Pick<World, "host" | "globals">;

/** Stops an environment and waits until no instance is observed any more. Faults: `wait.timeout`. */
export async function stopAndWait(world: Waiter, api: Client, key: EnvKey): Promise<void> {
  await api.call("stop", { params: key });
  await untilGone(world, api, key);
}

/** Waits until no instance of an environment is observed any more. Faults: `wait.timeout`. */
export function untilGone(world: Waiter, api: Client, key: EnvKey): Promise<void> {
  return until(world, { api, key }, ({ services }) => {
    const count = services.flatMap(({ instances }) => instances).length;
    return count === 0 ? null : `${count} instances are still running`;
  });
}

/** Waits until the controller knows nothing of a destroyed environment any more. Faults: `wait.timeout`. */
export function untilForgotten(world: Waiter, api: Client, key: EnvKey): Promise<void> {
  return until(world, { api, key }, () => `${keyText(key)} is still being taken down`);
}

/** `left`: what is still to happen, in words; null: nothing. */
async function until(
  world: Waiter,
  { api, key }: { api: Client; key: EnvKey },
  left: (status: StatusView) => string | null,
): Promise<void> {
  const patience = world.globals.timeout ?? patienceMs;
  for (const end = world.host.now() + patience; ; await waitFor(100)) {
    const status = await api.call("status", { params: key }).catch(unlessUnknown);
    const words = status && left(status);
    if (words === null) return;
    if (world.host.now() <= end) continue;
    const hint = "It goes on without this command; `fairlead ps` shows what still runs.";
    throw new Fault("wait.timeout", `${words} after ${formatDuration(patience)}`, { hint });
  }
}

function unlessUnknown(thrown: unknown): null {
  if (asFault(thrown).code === "app.unknown") return null;
  throw thrown;
}
