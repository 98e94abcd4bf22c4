import { makeAuthority, type Signed, signServer } from "../host/x509.ts";
import type { EdgeCertificate } from "../ports/edge.ts";

const hour = 3_600_000;

/** A certificate authority of the tests' own. */
export interface TestAuthority {
  /** PEM, for clients that shall trust it. */
  readonly root: string;
  readonly signed: Signed;
  /** A certificate for these hosts, good from an hour ago for an hour, or for as long as said. */
  certificate(hosts: readonly string[], lastsMs?: number): Promise<EdgeCertificate>;
}

export async function testAuthority(): Promise<TestAuthority> {
  const now = Date.now();
  const signed = await makeAuthority("Fairlead's tests", { from: now - hour, until: now + 24 * hour });
  return {
    root: signed.chain,
    signed,
    async certificate(hosts, lastsMs = hour) {
      const { chain, key } = await signServer(signed, hosts, { from: now - hour, until: Date.now() + lastsMs });
      return { hosts, chain, key };
    },
  };
}
