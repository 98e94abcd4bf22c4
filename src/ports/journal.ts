import { keyOf, type PlanChange } from "../model/change.ts";
import type { EnvKey } from "../model/environment.ts";
import type { AuditBook, AuditChange } from "./journal/audit.ts";
import type { ClaimBook, ClaimChange } from "./journal/claims.ts";
import type { DeploymentBook } from "./journal/deployments.ts";
import type { EnvironmentBook, EnvironmentChange } from "./journal/environments.ts";
import type { EventBook } from "./journal/events.ts";
import type { ReleaseBook, ReleaseChange } from "./journal/releases.ts";
import type { StepBook, StepChange } from "./journal/steps.ts";
import type { TokenBook, TokenChange } from "./journal/tokens.ts";
import type { ValueBook, ValuesChange } from "./journal/values.ts";

/** What is only recorded for a person's order. A plan cannot record it: the types keep them apart. */
export type OrderChange = EnvironmentChange | ReleaseChange | ValuesChange | AuditChange | ClaimChange | TokenChange;

/** One change to record. */
export type Change = PlanChange | OrderChange | StepChange;

/** The environment whose state a change is about; null: it is about the whole controller, or an account of something. */
export function changedEnvironment(change: Change): EnvKey | null {
  switch (change.kind) {
    case "audit":
    case "claim.done":
    case "step.ended":
    case "token.created":
    case "token.used":
    case "token.revoked":
      return null;
    case "release":
      return change.release.key;
    case "maintenance":
    case "preview":
    case "scale":
    case "variables":
    case "value.destroyed":
    case "value.resealed":
      return change.key;
    default:
      return keyOf(change);
  }
}

/** The part of an environment's history to keep. */
export interface Keep {
  readonly newestDeployments: number;
  readonly newestReleases: number;
  /** Numbers of releases to keep regardless of age. */
  readonly releases: readonly number[];
}

/**
 * The durable record: a store of books, each with a file of its own here, in the adapter and in the conformance suite.
 * Contract (src/testing/conformance/journal.ts): every change is on disk, completely or not at all, when the method returns;
 * a database that is newer (`journal.newer`) or damaged (`journal.damaged`) is refused when opened and not changed.
 */
export interface Journal {
  readonly environments: EnvironmentBook;
  readonly releases: ReleaseBook;
  readonly deployments: DeploymentBook;
  readonly steps: StepBook;
  readonly values: ValueBook;
  readonly events: EventBook;
  readonly audit: AuditBook;
  readonly tokens: TokenBook;
  readonly claims: ClaimBook;

  /** Writes all changes, of any books, in one transaction. The first change that names an environment creates it. */
  commit(changes: readonly Change[]): Promise<void>;
  /** Called after every commit with the environments that it changed and its changes, until the returned function is called. */
  committed(listener: (keys: readonly EnvKey[], changes: readonly Change[]) => void): () => void;

  /**
   * Deletes steps and events before `history` of ended deployments, and audit entries before `audit` and all but the
   * newest `auditEntries`.
   */
  prune(before: { readonly history: number; readonly audit: number }): Promise<void>;
  /**
   * Deletes ended deployments of an environment, with their steps and events, except the newest and those whose
   * instances serve; and releases except the newest and those named.
   */
  thin(key: EnvKey, keep: Keep): Promise<void>;
  /** Deletes all about a preview that was removed before `endedBefore`, except the audit; otherwise nothing. */
  forget(key: EnvKey, endedBefore: number): Promise<void>;
  close(): Promise<void>;
}
