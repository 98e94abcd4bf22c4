import { Fault } from "../base/faults.ts";
import type { Client } from "../client/client.ts";
import type { EnvKey } from "../model/environment.ts";
import { toggleFlag } from "./flags.ts";
import type { DeploymentResult } from "./follow.ts";

export const forceFlag = toggleFlag("--force", "Make a release and replace every instance although nothing changed");

/**
 * The deployment that serves, when deploying a source or the staged code, or promoting an environment, would change
 * nothing: it serves what that describes, every instance is ready, and nothing else was tried since. Else null. Faults:
 * those of a deployment.
 */
export async function servingUnchanged(
  api: Client,
  key: EnvKey,
  code: { readonly source: string } | { readonly from: string } | { readonly staged: true },
): Promise<DeploymentResult | null> {
  const { state, queue, release, urls } = await api.call("status", { params: key }).catch(nothingYet);
  if (state !== "serving" || queue.length > 0) return null;
  const { items } = await api.call("deployments", { params: key });
  // Staging changes nothing of what serves.
  const deployment = items.find(({ kind }) => kind !== "stage");
  if (deployment?.status !== "live" || deployment.release !== release) return null;
  const { changes } = await api.call("plan", { params: key, body: code });
  return changes.every(({ action }) => action === "keep") ? { deployment, urls, unchanged: true } : null;
}

/** The first deployment of an app finds none. */
function nothingYet(thrown: unknown): typeof nothing {
  if (thrown instanceof Fault && thrown.code === "app.unknown") return nothing;
  throw thrown;
}

const nothing = { state: "stopped", queue: [], release: null, urls: [] } as const;
