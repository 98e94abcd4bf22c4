import { expect, test } from "vitest";
import type { Journal } from "../../../ports/journal.ts";
import { aToken } from "./tokens.ts";

/** What a request may have come to. */
export const outcome = { deployment: "dep_1", changes: { A: "added", B: "same" } } as const;

/** Idempotency-Keys: what is known of a request. */
export function claimCases(now: () => Journal): void {
  const day = 24 * 60 * 60 * 1_000;

  test("an Idempotency-Key is claimed once, answered, and forgotten after a day", async () => {
    expect(await now().claims.claim("k", "digest-1", 1_000)).toBeNull();
    expect(await now().claims.claim("k", "digest-2", 2_000)).toEqual({
      requestDigest: "digest-1",
      status: null,
      body: null,
      outcome: null,
    });
    await now().claims.answer("k", { status: 201, body: '{"é":1}' });
    const answer = { requestDigest: "digest-1", status: 201, body: '{"é":1}', outcome: null };
    expect(await now().claims.claim("k", "digest-1", 1_000 + day - 1)).toEqual(answer);
    expect(await now().claims.claim("k", "digest-3", 1_001 + day)).toBeNull();
  });

  test("a disclaimed key can be claimed again", async () => {
    await now().claims.claim("k", "digest-1", 1_000);
    await now().claims.disclaim("k");
    expect(await now().claims.claim("k", "digest-2", 1_001)).toBeNull();
  });

  test("what a claim came to is written down with its change or not at all, and cannot be disclaimed", async () => {
    await now().claims.claim("k", "digest-1", 1_000);
    const done = { kind: "claim.done", claim: "k", outcome } as const;
    const change = { kind: "token.created", token: aToken("ci") } as const;
    await now().commit([change]);
    await expect(now().commit([done, change])).rejects.toThrow();
    expect(await now().claims.claim("k", "digest-1", 1_001)).toMatchObject({ outcome: null });
    await now().commit([done, { ...change, token: aToken("cd") }]);
    await now().claims.disclaim("k");
    expect(await now().claims.claim("k", "digest-1", 1_002)).toMatchObject({ outcome, status: null });
  });
}
