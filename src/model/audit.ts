import type { EnvKey } from "./environment.ts";

/** Audited actions, named after the commands. */
export const auditActions = [
  "env.reveal",
  "env.set",
  "env.unset",
  "env.rotate",
  "env.destroy",
  "vault.recovery",
  "vault.rotate",
  "deploy",
  "promote",
  "rollback",
  "restart",
  "cancel",
  "scale",
  "run",
  "down",
  "destroy",
  "preview.create",
  "preview.remove",
  "maintenance.on",
  "maintenance.off",
  "domains.add",
  "domains.remove",
  "tokens.create",
  "tokens.revoke",
] as const;
export type AuditAction = (typeof auditActions)[number];

/** Who made a request, and how they connected. */
export interface Actor {
  readonly name: string;
  readonly via: "socket" | "token";
  /** Address of the client; null over the socket. */
  readonly from: string | null;
}

/** An action or reveal. It names values and contains none. */
export interface AuditEntry {
  /** Rises; never used twice. */
  readonly id: number;
  readonly at: number;
  readonly actor: Actor;
  readonly action: AuditAction;
  /** Null: it concerns the whole controller. */
  readonly key: EnvKey | null;
  /** Names of variables, services or hosts. */
  readonly names: readonly string[];
  /** The result, like the release. */
  readonly detail: string;
}
