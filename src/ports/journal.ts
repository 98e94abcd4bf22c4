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

/** A step of a deployment as it is written down before and after it is done. `what` is the word of the step. */
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
  /** Its sealed text was deleted; only that there was one is known. */
  readonly destroyed: boolean;
}

/** A sealed text and where it belongs. */
export interface SealedText extends SecretRef {
  readonly key: EnvKey;
  readonly sealed: string;
}

/** How many entries of the audit are kept at most: some 30 MB. */
export const auditEntries = 100_000;

/** What of an environment's history stays. */
export interface Keep {
  readonly newestDeployments: number;
  readonly newestReleases: number;
  /** Numbers of releases that stay however old they are. */
  readonly releases: readonly number[];
}

export interface IdempotentAnswer {
  readonly requestDigest: string;
  /** Null while the first request is still under way, or when its controller died before it answered. */
  readonly status: number | null;
  readonly body: string | null;
  /** As the change `claim.done` said; null: nothing was changed yet. */
  readonly outcome: IdempotentOutcome | null;
}

/**
 * The durable record. Contract (src/testing/conformance/journal.ts): a method that changes something has it on disk, all
 * of it or nothing, when it returns; a database that is newer (`journal.newer`) or damaged (`journal.damaged`) is refused
 * at opening and left as it is.
 */
export interface Journal {
  /**
   * Writes all changes in one transaction. An environment comes into being with the first change that names it. A second
   * token of a name is refused (`token.name-taken`); what is said of one that is not there says nothing.
   */
  commit(changes: readonly Change[]): Promise<void>;
  /** Writes down that a step is about to be done; the answer is its id. */
  beginStep(step: Omit<StepRecord, "id" | "endedAt" | "fault">): Promise<number>;
  /** Writes down how it went, together with what follows from it. */
  endStep(id: number, end: { at: number; fault: FaultRecord | null; changes: readonly Change[] }): Promise<void>;

  /** All that are there: previews that were taken down are not. */
  environments(): Promise<readonly Environment[]>;
  /** Previews that were taken down and are not forgotten yet. */
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
  /** The sealed texts of versions, in the same order; null for one that never was or was destroyed. */
  sealed(key: EnvKey, refs: readonly SecretRef[]): Promise<readonly (string | null)[]>;
  /** All versions of one name, or of all: by name, the newest first. */
  versions(key: EnvKey, name?: string): Promise<readonly ValueVersion[]>;
  /** Every sealed text that there is, in an order that stays, after one of them. */
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
  /** Called after every commit with the keys that it touched, until the answer is called. */
  committed(listener: (keys: readonly EnvKey[]) => void): () => void;

  /**
   * Claims an Idempotency-Key for a request, or tells what is known of it. Forgotten are claims older than 24 h, and on
   * opening those with neither outcome nor answer: the process that would have given one is gone.
   */
  claim(idempotencyKey: string, requestDigest: string, now: number): Promise<IdempotentAnswer | null>;
  answer(idempotencyKey: string, answer: { status: number; body: string }): Promise<void>;
  /** Forgets a claim whose request failed, unless something was changed by then. */
  disclaim(idempotencyKey: string): Promise<void>;
  /**
   * Deletes steps and events before `history` of deployments that have ended; and of the audit what is from before `audit`,
   * and all but the newest `auditEntries`.
   */
  prune(before: { readonly history: number; readonly audit: number }): Promise<void>;
  /**
   * Deletes of an environment the deployments that are over, with their steps and events, but for the newest ones and those whose
   * instances serve; and the releases but for the newest ones and those that are named.
   */
  thin(key: EnvKey, keep: Keep): Promise<void>;
  /** Deletes everything about a preview that was taken down before `endedBefore`, but the audit; of any other nothing. */
  forget(key: EnvKey, endedBefore: number): Promise<void>;
  close(): Promise<void>;
}
