import type { planRoutes } from "../../contract/plan.ts";
import { planDeployment } from "../../usecases/plan.ts";
import { envKeyOf, type HandlersOf } from "../exchange.ts";

export const planHandlers: HandlersOf<typeof planRoutes> = {
  plan: async ({ call, params, body }) => ({ json: await planDeployment(call, envKeyOf(params), body) }),
};
