import type { AuditEntry } from "../../model/audit.ts";
import type { EnvKey } from "../../model/environment.ts";

/** Maximum number of audit entries: about 30 MB. */
export const auditEntries = 100_000;

export interface AuditChange {
  readonly kind: "audit";
  readonly entry: Omit<AuditEntry, "id">;
}

export interface AuditBook {
  /** Newest first, from before the id `before` on; without a key those of the whole controller and all environments. */
  page(filter: { key?: EnvKey; since?: number; before?: number; limit: number }): Promise<readonly AuditEntry[]>;
}
