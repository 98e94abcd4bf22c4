import type { vaultRoutes } from "../../contract/vault.ts";
import { recoverVault, rotateVault } from "../../usecases/versions.ts";
import type { HandlersOf } from "../exchange.ts";

export const vaultHandlers: HandlersOf<typeof vaultRoutes> = {
  recoverVault: async ({ call }) => ({ json: await recoverVault(call) }),
  rotateVault: async ({ call }) => ({ json: await rotateVault(call) }),
};
