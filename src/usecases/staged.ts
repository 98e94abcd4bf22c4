import type { EnvKey } from "../model/environment.ts";
import type { Permit } from "../model/release.ts";
import { audited } from "./audit.ts";
import { draftOf } from "./compose.ts";
import { authorise, type Call, environmentFor } from "./ground.ts";
import { refuseOthers } from "./guard.ts";
import { type Outlook, prospect } from "./plan.ts";
import { refuseUnready } from "./readiness.ts";

export interface StageOrder {
  readonly source: string;
  readonly branch?: string | undefined;
  readonly message?: string | undefined;
  readonly allow?: Permit | undefined;
}

/**
 * Judges code as a deployment of it would, and keeps it for one in place of what was staged before: with values that are
 * staged meanwhile it becomes one release. It is built then. Faults: those of a deployment; then nothing is staged.
 */
export async function stageCode(call: Call, key: EnvKey, order: StageOrder): Promise<Outlook> {
  const actor = authorise(call, "deploy");
  const { deps } = call;
  const { source, branch = null, message = null, allow = null } = order;
  const draft = await draftOf(deps, await environmentFor(deps, key), source);
  return deps.engine.alone(key, async () => {
    const environment = await environmentFor(deps, key);
    await refuseOthers(call, key);
    const { judged, outlook } = await prospect(call, environment, draft);
    await refuseUnready(deps, judged, { allow, by: actor.name });
    const staged = { source, branch, message, allow, at: deps.clock.now(), by: actor.name };
    await deps.journal.commit([
      { kind: "staged", key, staged },
      audited(deps, actor, { action: "deploy", key, detail: ["staged", message].filter((word) => word).join("; ") }),
    ]);
    return outlook;
  });
}
