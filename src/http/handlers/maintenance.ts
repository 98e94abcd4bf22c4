import type { maintenanceRoutes } from "../../contract/maintenance.ts";
import { changeMaintenance } from "../../usecases/maintenance.ts";
import { envKeyOf, type HandlersOf } from "../exchange.ts";
import { statusReply } from "./environments.ts";

export const maintenanceHandlers: HandlersOf<typeof maintenanceRoutes> = {
  beginMaintenance: async (exchange) => {
    await changeMaintenance(exchange.call, envKeyOf(exchange.params), exchange.body);
    return statusReply(exchange);
  },
  endMaintenance: async (exchange) => {
    await changeMaintenance(exchange.call, envKeyOf(exchange.params), null);
    return statusReply(exchange);
  },
};
