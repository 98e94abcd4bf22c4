/** What became of a value by a change. */
export type ValueChange = "added" | "changed" | "forgotten" | "same";

/**
 * What a request with an Idempotency-Key came to. It is written down in one transaction with its change, so that a controller
 * that dies before it answers neither repeats the change nor forgets it: its successor answers by this.
 */
export interface IdempotentOutcome {
  /** The deployment that was begun or changed. */
  readonly deployment: string | null;
  /** What became of every value that the request named; null: it was not about values. */
  readonly changes: Readonly<Record<string, ValueChange>> | null;
}
