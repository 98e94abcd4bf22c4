import type { routes } from "../contract/routes.ts";
import type { HandlersOf, RepeatsOf } from "./exchange.ts";
import { attachedHandlers } from "./handlers/attached.ts";
import { auditHandlers } from "./handlers/audit.ts";
import { controllerHandlers } from "./handlers/controller.ts";
import { deploymentHandlers, deploymentRepeats } from "./handlers/deployments.ts";
import { domainHandlers } from "./handlers/domains.ts";
import { environmentHandlers } from "./handlers/environments.ts";
import { eventHandlers } from "./handlers/events.ts";
import { logHandlers } from "./handlers/logs.ts";
import { maintenanceHandlers } from "./handlers/maintenance.ts";
import { planHandlers } from "./handlers/plan.ts";
import { previewHandlers, previewRepeats } from "./handlers/previews.ts";
import { releaseHandlers } from "./handlers/releases.ts";
import { scaleHandlers, scaleRepeats } from "./handlers/scale.ts";
import { sourceHandlers } from "./handlers/sources.ts";
import { taskHandlers } from "./handlers/tasks.ts";
import { tokenHandlers } from "./handlers/tokens.ts";
import { variableHandlers, variableRepeats } from "./handlers/variables.ts";
import { vaultHandlers } from "./handlers/vault.ts";

/** What answers every route. */
export const handlers: HandlersOf<typeof routes> = {
  ...attachedHandlers,
  ...auditHandlers,
  ...controllerHandlers,
  ...deploymentHandlers,
  ...domainHandlers,
  ...environmentHandlers,
  ...eventHandlers,
  ...logHandlers,
  ...maintenanceHandlers,
  ...planHandlers,
  ...previewHandlers,
  ...releaseHandlers,
  ...scaleHandlers,
  ...sourceHandlers,
  ...taskHandlers,
  ...tokenHandlers,
  ...variableHandlers,
  ...vaultHandlers,
};

/** What answers a route once more for its Idempotency-Key, where only the outcome is known. */
export const repeats: RepeatsOf<typeof routes> = {
  ...deploymentRepeats,
  ...previewRepeats,
  ...scaleRepeats,
  ...variableRepeats,
};
