import { z } from "zod";
import type { Routes, View } from "./route.ts";

export const vaultRecovery = z.object({ masterKey: z.string() }).meta({ id: "VaultRecovery" });
export type VaultRecovery = View<typeof vaultRecovery>;

export const vaultRotation = z
  .object({ values: z.int().describe("How many sealed values there are; all are sealed with the new keys.") })
  .meta({ id: "VaultRotation" });
export type VaultRotation = View<typeof vaultRotation>;

export const vaultRoutes = {
  recoverVault: {
    method: "post",
    path: "/v1/vault/recovery",
    status: 200,
    answer: vaultRecovery,
    unkept: true,
    summary: "The vault's master key, for a bundle that its reader encrypts and keeps elsewhere",
  },
  rotateVault: {
    method: "post",
    path: "/v1/vault/rotate",
    status: 200,
    answer: vaultRotation,
    summary: "Exchange the keys of the vault, and seal every value anew",
  },
} as const satisfies Routes;
