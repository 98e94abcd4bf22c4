import { canonicalJson, sha256 } from "../base/digest.ts";
import { Fault } from "../base/faults.ts";
import type { Call } from "./ground.ts";

export interface Answered {
  readonly status: number;
  readonly body: string;
}

/**
 * Does a request at most once per Idempotency-Key for 24 h and repeats its answer (IETF draft-ietf-httpapi-idempotency-key):
 * another request with the key is `idempotency.mismatch`, one while the first is under way `idempotency.in-flight`.
 * A request that failed changed nothing, so its key may be used again.
 */
export async function once(
  { deps: { journal, clock } }: Call,
  { key, request }: { key: string; request: unknown },
  run: () => Promise<Answered>,
): Promise<Answered> {
  const digest = sha256(canonicalJson(request));
  const known = await journal.claim(key, digest, clock.now());
  if (known) return repeat(known, digest);
  try {
    const answer = await run();
    await journal.answer(key, answer);
    return answer;
  } catch (thrown) {
    await journal.disclaim(key);
    throw thrown;
  }
}

function repeat(
  known: { requestDigest: string; status: number | null; body: string | null },
  digest: string,
): Answered {
  if (known.requestDigest !== digest) {
    throw new Fault("idempotency.mismatch", "this Idempotency-Key was used for a different request");
  }
  if (known.status === null || known.body === null) {
    throw new Fault("idempotency.in-flight", "the first request with this Idempotency-Key is still under way");
  }
  return { status: known.status, body: known.body };
}
