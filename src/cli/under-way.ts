import { Fault } from "../base/faults.ts";
import type { Client } from "../client/client.ts";
import type { World } from "./world.ts";

/** The named deployment, otherwise the running one. Faults: `deployment.unknown`. */
export async function meantDeployment(world: World, api: Client, given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const { deployment } = await api.call("status", { params: world.key() });
  if (deployment === null || deployment.phase === "ended") {
    throw new Fault("deployment.unknown", "no deployment is running");
  }
  return deployment.id;
}
