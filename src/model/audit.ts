import type { EnvKey } from "./environment.ts";

/** What is accounted for, in the words of the command line. */
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

/** Who asked for something, and how they came in. */
export interface Actor {
  readonly name: string;
  readonly via: "socket" | "token";
  /** Address of the client; null over the socket. */
  readonly from: string | null;
}

/** Something that somebody did or was shown. It names values and holds none. */
export interface AuditEntry {
  /** Rises; never used twice. */
  readonly id: number;
  readonly at: number;
  readonly actor: Actor;
  readonly action: AuditAction;
  /** Null: it concerns the whole controller. */
  readonly key: EnvKey | null;
  /** What it was about: variables, services, hosts. */
  readonly names: readonly string[];
  /** What came of it, like the release. */
  readonly detail: string;
}
