import { z } from "zod";
import type { Routes } from "./route.ts";

export const vaultRecovery = z.object({ masterKey: z.string() }).meta({ id: "VaultRecovery" });

export const vaultRotation = z
  .object({ values: z.int().describe("Number of sealed values; all are sealed with the new keys.") })
  .meta({ id: "VaultRotation" });

export const vaultRoutes = {
  recoverVault: {
    method: "post",
    path: "/v1/vault/recovery",
    action: "reveal",
    status: 200,
    answer: vaultRecovery,
    unkept: true,
    summary: "The vault's master key, for a bundle that the caller encrypts and stores elsewhere",
  },
  rotateVault: {
    method: "post",
    path: "/v1/vault/rotate",
    action: "configure",
    status: 200,
    answer: vaultRotation,
    summary: "Replace the keys of the vault and seal every value again",
  },
} as const satisfies Routes;
