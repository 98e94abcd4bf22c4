import { afterAll, beforeAll, describe, test } from "vitest";
import type { FrontProxies } from "../../model/route.ts";
import { bytesCases } from "./edge-bytes.ts";
import { changeCases } from "./edge-changes.ts";
import { h2Cases } from "./edge-h2.ts";
import { httpCases } from "./edge-http.ts";
import { insideCases } from "./edge-inside.ts";
import { limitCases } from "./edge-limits.ts";
import { policyCases } from "./edge-policies.ts";
import { proxyCases } from "./edge-proxies.ts";
import { requestCases } from "./edge-requests.ts";
import type { EdgeUnderTest } from "./edge-rig.ts";
import { streamCases } from "./edge-streams.ts";
import { tlsCases, tlsProxyCases } from "./edge-tls.ts";
import { limitOf } from "./limit.ts";

export interface EdgeSkip {
  /** A case's name. */
  readonly case: string;
  /** Why this adapter cannot do it. */
  readonly because: string;
}

/**
 * What every adapter of `src/ports/edge.ts` must do, checked with real apps, real connections and the real edge. Each case
 * uses an owner and hosts of its own, so that all share one edge; cases that end it run last. `behind` makes an edge that
 * believes proxies in front of it.
 */
export function edgeConformance(
  name: string,
  make: () => Promise<EdgeUnderTest>,
  {
    skip = [],
    behind,
  }: { skip?: readonly EdgeSkip[]; behind?: (proxies: FrontProxies) => Promise<EdgeUnderTest> } = {},
): void {
  const reasonOf = (sentence: string) => skip.find((entry) => entry.case === sentence)?.because;
  describe(`edge ${name}`, () => {
    let under: EdgeUnderTest;
    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under[Symbol.asyncDispose]());
    const plainCases = [
      ...httpCases,
      ...requestCases,
      ...bytesCases,
      ...limitCases,
      ...policyCases,
      ...streamCases,
      ...insideCases,
    ];
    const cases = [...plainCases, ...tlsCases, ...h2Cases, ...changeCases];
    for (const [sentence, check] of cases) {
      const reason = reasonOf(sentence);
      if (reason === undefined) test(sentence, () => check(under));
      else test.skip(sentence, limitOf(reason));
    }
  });
  describe(`edge ${name} behind proxies`, () => {
    for (const [sentence, proxies, check] of [...proxyCases, ...tlsProxyCases]) {
      const reason = behind ? reasonOf(sentence) : "it stands behind none";
      if (reason !== undefined) test.skip(sentence, limitOf(reason));
      else {
        test(sentence, async () => {
          await using under = await behind?.(proxies);
          if (under !== undefined) await check(under);
        });
      }
    }
  });
}
