import { attachedRoutes } from "./attached.ts";
import { auditRoutes } from "./audit.ts";
import { controllerRoutes } from "./controller.ts";
import { deploymentRoutes } from "./deployments.ts";
import { domainRoutes } from "./domains.ts";
import { environmentRoutes } from "./environments.ts";
import { eventRoutes } from "./events.ts";
import { logRoutes } from "./logs.ts";
import { maintenanceRoutes } from "./maintenance.ts";
import { planRoutes } from "./plan.ts";
import { previewRoutes } from "./previews.ts";
import { releaseRoutes } from "./releases.ts";
import { scaleRoutes } from "./scale.ts";
import { sourceRoutes } from "./sources.ts";
import { taskRoutes } from "./tasks.ts";
import { tokenRoutes } from "./tokens.ts";
import { variableRoutes } from "./variables.ts";
import { vaultRoutes } from "./vault.ts";

/** The whole API, in the order of docs/api.md. */
export const routes = {
  ...controllerRoutes,
  ...domainRoutes,
  ...sourceRoutes,
  ...environmentRoutes,
  ...deploymentRoutes,
  ...planRoutes,
  ...releaseRoutes,
  ...scaleRoutes,
  ...variableRoutes,
  ...vaultRoutes,
  ...maintenanceRoutes,
  ...previewRoutes,
  ...taskRoutes,
  ...attachedRoutes,
  ...logRoutes,
  ...eventRoutes,
  ...auditRoutes,
  ...tokenRoutes,
};
export type RouteName = keyof typeof routes;
