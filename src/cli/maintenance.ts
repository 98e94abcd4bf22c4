import { formatDuration } from "../base/duration.ts";
import { Fault } from "../base/faults.ts";
import type { Client } from "../client/client.ts";
import { waitFor } from "../client/events.ts";
import type { StatusView } from "../contract/environments.ts";
import type { EnvKey } from "../model/environment.ts";
import type { World } from "./world.ts";

/** The edge applies a table within milliseconds; a busy machine may take longer. */
const patienceMs = 30_000;

interface Asked {
  readonly world: Pick<World, "host" | "globals">;
  readonly api: Client;
  readonly key: EnvKey;
}

/**
 * Waits until the edge does what was requested. Without routes there is nothing to wait for. Faults: `wait.timeout`.
 */
export async function untilMaintenance({ world, api, key }: Asked, closed: boolean): Promise<StatusView> {
  const patience = world.globals.timeout ?? patienceMs;
  const end = world.host.now() + patience;
  for (;;) {
    const status = await api.call("status", { params: key });
    const isRouted = usersUrls(status).length > 0;
    if (status.maintenance.closed === closed || (closed && !isRouted)) return status;
    if (world.host.now() > end) {
      const word = closed ? "closed" : "open";
      throw new Fault("wait.timeout", `it is not ${word} after ${formatDuration(patience)}`, {
        hint: "It is still being retried; `fairlead status` shows the progress.",
      });
    }
    await waitFor(50, world.host.interrupted);
  }
}

/** Output of `maintenance on` and `off`. */
export function maintenanceText(status: StatusView): string {
  const { app, environment, maintenance } = status;
  const place = `${app}/${environment}`;
  if (!maintenance.on) return `${place} is open again.`;
  if (!maintenance.closed) return `${place} serves nothing now; it will be closed when it does.`;
  const hosts = usersUrls(status);
  const answer = `${hosts.join(", ")} ${hosts.length === 1 ? "answers" : "answer"} 503`;
  return `${place} is closed for maintenance: ${answer}. \`fairlead maintenance off\` reopens it.`;
}

/** Internal services stay open to other services. */
function usersUrls({ urls }: StatusView): readonly string[] {
  return urls.filter(({ internal }) => !internal).map(({ url }) => url);
}
