import { canonicalJson } from "../base/digest.ts";
import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import type { IdempotentOutcome } from "../model/claim.ts";
import type { IdempotentAnswer } from "../ports/journal/claims.ts";
import type { Change } from "../ports/journal.ts";
import type { Call } from "./access.ts";

export interface Answered {
  readonly status: number;
  readonly body: string;
  /** The ETag of its document; null if it has none, or may have changed since. */
  readonly revision: number | null;
}

/** What answers a request: executing it, or its recorded result if its answer was lost. */
export interface Answering {
  readonly run: () => Promise<Answered>;
  readonly again: (outcome: IdempotentOutcome) => Promise<Answered>;
}

/**
 * Executes a request at most once per Idempotency-Key for 24 h and repeats its answer (IETF
 * draft-ietf-httpapi-idempotency-key): another request with the key is `idempotency.mismatch`, one while the first is
 * under way `idempotency.in-flight`. A request that failed changed nothing, so its key may be used again. The request
 * may contain secret values, so it is identified by the vault's digest.
 */
export async function idempotently(
  { deps: { journal, clock, vault } }: Call,
  { key, request }: { key: string; request: unknown },
  { run, again }: Answering,
): Promise<Answered> {
  const digest = vault.digest(new Secret(canonicalJson(request)), null);
  const known = await journal.claims.claim(key, digest, clock.now());
  if (known && known.requestDigest !== digest)
    throw new Fault("idempotency.mismatch", "this Idempotency-Key was used for a different request");
  if (known) return repeat(known, again, (answer) => journal.claims.answer(key, answer));
  try {
    const answer = await run();
    await journal.claims.answer(key, answer);
    return answer;
  } catch (thrown) {
    await journal.claims.disclaim(key);
    throw thrown;
  }
}

async function repeat(
  { status, body, outcome }: IdempotentAnswer,
  again: Answering["again"],
  keep: (answer: Answered) => Promise<void>,
): Promise<Answered> {
  if (status !== null && body !== null) return { status, body, revision: null };
  if (outcome === null) {
    throw new Fault("idempotency.in-flight", "the first request with this Idempotency-Key is still running");
  }
  const answer = await again(outcome);
  await keep(answer);
  return answer;
}

/** The record of a request in the transaction of its change; nothing if it came without a key. */
export function doneBy({ claim }: Call, outcome: IdempotentOutcome): readonly Change[] {
  return claim === null ? [] : [{ kind: "claim.done", claim, outcome }];
}
