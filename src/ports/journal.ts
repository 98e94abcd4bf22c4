import type { FaultRecord } from "../base/faults.ts";
import type { AccessToken } from "../model/access-token.ts";
import type { AuditEntry } from "../model/audit.ts";
import type { Change } from "../model/change.ts";
import type { IdempotentOutcome } from "../model/claim.ts";
import type { Deployment } from "../model/deployment.ts";
import type { Environment, EnvKey, SetValue } from "../model/environment.ts";
import type { Event } from "../model/event.ts";
import type { InstanceFacts } from "../model/instance.ts";
import type { Release, SecretRef } from "../model/release.ts";

export type { Change } from "../model/change.ts";

/** A step of a deployment as recorded before and after its execution. `what` is the name of the step. */
export interface StepRecord {
  readonly id: number;
  readonly key: EnvKey;
  readonly deployment: string;
  readonly what: string;
  readonly subject: string;
  readonly why: string;
  readonly begunAt: number;
  readonly endedAt: number | null;
  readonly fault: FaultRecord | null;
}

/** A version of a value, without its text. */
export interface ValueVersion extends SetValue {
  readonly name: string;
  /** Its sealed text was deleted; only its existence is known. */
  readonly destroyed: boolean;
}

/** A sealed text and its place. */
export interface SealedText extends SecretRef {
  readonly key: EnvKey;
  readonly sealed: string;
}

/** Maximum number of audit entries: about 30 MB. */
export const auditEntries = 100_000;

/** The part of an environment's history to keep. */
export interface Keep {
  readonly newestDeployments: number;
  readonly newestReleases: number;
  /** Numbers of releases to keep regardless of age. */
  readonly releases: readonly number[];
}

export interface IdempotentAnswer {
  readonly requestDigest: string;
  /** Null while the first request is still running, or if its controller died before it answered. */
  readonly status: number | null;
  readonly body: string | null;
  /** From the change `claim.done`; null: nothing was changed yet. */
  readonly outcome: IdempotentOutcome | null;
}

/**
 * The durable record. Contract (src/testing/conformance/journal.ts): every change is on disk, completely or not at all,
 * when the method returns; a database that is newer (`journal.newer`) or damaged (`journal.damaged`) is refused when
 * opened and not changed.
 */
export interface Journal {
  /**
   * Writes all changes in one transaction. The first change that names an environment creates it. A second token with
   * the same name is refused (`token.name-taken`); changes of a token that does not exist have no effect.
   */
  commit(changes: readonly Change[]): Promise<void>;
  /** Records that a step is about to be executed; returns its id. */
  beginStep(step: Omit<StepRecord, "id" | "endedAt" | "fault">): Promise<number>;
  /** Records its result together with the changes that follow from it. */
  endStep(id: number, end: { at: number; fault: FaultRecord | null; changes: readonly Change[] }): Promise<void>;

  /** All existing ones: removed previews are not included. */
  environments(): Promise<readonly Environment[]>;
  /** Removed previews that are not deleted yet. */
  endedPreviews(): Promise<readonly Environment[]>;
  environment(key: EnvKey): Promise<Environment | null>;
  release(key: EnvKey, number: number): Promise<Release | null>;
  /** Newest first, from before `before` on. */
  releases(key: EnvKey, page: { before?: number; limit: number }): Promise<readonly Release[]>;
  lastReleaseNumber(key: EnvKey): Promise<number>;
  deployment(id: string): Promise<Deployment | null>;
  /** Newest first, from before the id `before` on. */
  deployments(key: EnvKey, page: { before?: string; limit: number }): Promise<readonly Deployment[]>;
  /** Those that have not ended, oldest first. */
  unfinished(key: EnvKey): Promise<readonly Deployment[]>;
  /** Numbers of the releases that were live, the most recent first, each once. */
  liveReleases(key: EnvKey, limit: number): Promise<readonly number[]>;
  /** The sealed texts of versions, in the same order; null for one that never existed or was destroyed. */
  sealed(key: EnvKey, refs: readonly SecretRef[]): Promise<readonly (string | null)[]>;
  /** All versions of one name, or of all: by name, the newest first. */
  versions(key: EnvKey, name?: string): Promise<readonly ValueVersion[]>;
  /** Every sealed text, in a stable order, after one of them. */
  sealedTexts(page: { after: SealedText | null; limit: number }): Promise<readonly SealedText[]>;
  facts(key: EnvKey): Promise<readonly InstanceFacts[]>;
  steps(deployment: string): Promise<readonly StepRecord[]>;
  /** Events after an id, oldest first. */
  events(filter: { key?: EnvKey; deployment?: string; after: number; limit: number }): Promise<readonly Event[]>;
  /** The id of the newest event, 0 when there is none. */
  lastEventId(): Promise<number>;
  /** Newest first, from before the id `before` on; without a key those of the whole controller and all environments. */
  audit(filter: { key?: EnvKey; since?: number; before?: number; limit: number }): Promise<readonly AuditEntry[]>;
  token(name: string): Promise<AccessToken | null>;
  /** By name. */
  tokens(): Promise<readonly AccessToken[]>;
  /** Called after every commit with the keys that it changed, until the returned function is called. */
  committed(listener: (keys: readonly EnvKey[]) => void): () => void;

  /**
   * Claims an Idempotency-Key for a request, or returns what is known of it. Claims older than 24 h are deleted, and on
   * opening also those with neither outcome nor answer: the process that would have answered has ended.
   */
  claim(idempotencyKey: string, requestDigest: string, now: number): Promise<IdempotentAnswer | null>;
  answer(idempotencyKey: string, answer: { status: number; body: string }): Promise<void>;
  /** Deletes a claim whose request failed, unless something was already changed. */
  disclaim(idempotencyKey: string): Promise<void>;
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
  /**
   * Deletes everything about a preview that was removed before `endedBefore`, except the audit; for any other
   * environment nothing.
   */
  forget(key: EnvKey, endedBefore: number): Promise<void>;
  close(): Promise<void>;
}
