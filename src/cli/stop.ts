import { formatDuration } from "../base/duration.ts";
import { Fault } from "../base/faults.ts";
import type { Client } from "../client/client.ts";
import { waitFor } from "../client/events.ts";
import type { EnvKey } from "../model/environment.ts";
import type { World } from "./world.ts";

/** An instance may take its full drain and stop time (30 s each by default), then it is killed. */
const patienceMs = 120_000;

/** Stops an environment and waits until no instance is observed any more. Faults: `wait.timeout`. */
export async function stopAndWait(world: Pick<World, "host" | "globals">, api: Client, key: EnvKey): Promise<void> {
  await api.call("stop", { params: key });
  await untilGone(world, api, key);
}

/** Waits until no instance of an environment is observed any more. Faults: `wait.timeout`. */
export async function untilGone(world: Pick<World, "host" | "globals">, api: Client, key: EnvKey): Promise<void> {
  const patience = world.globals.timeout ?? patienceMs;
  const end = world.host.now() + patience;
  for (;;) {
    const { services } = await api.call("status", { params: key });
    const left = services.flatMap(({ instances }) => instances);
    if (left.length === 0) return;
    if (world.host.now() > end) {
      throw new Fault("wait.timeout", `${left.length} instances are still running after ${formatDuration(patience)}`, {
        hint: "They are still stopping; `fairlead ps` shows them.",
      });
    }
    await waitFor(100);
  }
}
