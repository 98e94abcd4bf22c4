/** The effect of a change on a value. */
export type ValueChange = "added" | "changed" | "forgotten" | "same";

/**
 * The result of a request with an Idempotency-Key. It is recorded in one transaction with its change, so that the
 * change is neither repeated nor lost if the controller dies before it answers: the next controller answers from this.
 */
export interface IdempotentOutcome {
  /** The deployment that was started or changed. */
  readonly deployment: string | null;
  /** The effect on every value that the request named; null: it did not concern values. */
  readonly changes: Readonly<Record<string, ValueChange>> | null;
}
