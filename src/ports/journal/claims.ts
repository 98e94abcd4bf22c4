import type { IdempotentOutcome } from "../../model/claim.ts";

/** The result of a request with an Idempotency-Key. */
export interface ClaimChange {
  readonly kind: "claim.done";
  readonly claim: string;
  readonly outcome: IdempotentOutcome;
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
 * Idempotency-Keys of requests. Claims older than 24 h are deleted, and on opening also those with neither outcome nor
 * answer: the process that would have answered has ended.
 */
export interface ClaimBook {
  /** Claims an Idempotency-Key for a request, or returns what is known of it. */
  claim(idempotencyKey: string, requestDigest: string, now: number): Promise<IdempotentAnswer | null>;
  answer(idempotencyKey: string, answer: { status: number; body: string }): Promise<void>;
  /** Deletes a claim whose request failed, unless something was already changed. */
  disclaim(idempotencyKey: string): Promise<void>;
}
