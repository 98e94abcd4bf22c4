import { vaultConformance } from "../conformance/vault.ts";
import { SimulatedVault } from "./vault.ts";

vaultConformance("simulated", () => {
  const vault = new SimulatedVault();
  return { vault, reopen: () => vault, dispose: () => {} };
});
