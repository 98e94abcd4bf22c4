import { expect, test } from "vitest";
import type { EnvKey } from "../../../model/environment.ts";
import type { Change, Journal } from "../../../ports/journal.ts";
import { aDeployment, aRelease, codeOf, ended } from "./samples.ts";

const key: EnvKey = { app: "shop", environment: "production" };
const other: EnvKey = { app: "shop", environment: "pr-1" };

/** Releases: written once, and which of them were live. */
export function releaseCases(now: () => Journal): void {
  test("a release is kept as it was and never changed", async () => {
    await now().commit([{ kind: "release", release: aRelease(1) }]);
    const again: Change = { kind: "release", release: aRelease(1, { message: "changed" }) };
    expect(await codeOf(now().commit([{ kind: "stopped", key, stopped: true }, again]))).toBe("document.stale");
    expect(await now().releases.find(key, 1)).toEqual(aRelease(1));
    expect((await now().environments.find(key))?.stopped).toBe(false); // all of a commit or nothing
  });

  test("releases come newest first, page by page, of one environment", async () => {
    for (const number of [1, 2, 3, 4]) await now().commit([{ kind: "release", release: aRelease(number) }]);
    await now().commit([{ kind: "release", release: aRelease(9, { key: other }) }]);
    const numbers = async (page: { before?: number; limit: number }) =>
      (await now().releases.page(key, page)).map((release) => release.number);
    expect(await numbers({ limit: 3 })).toEqual([4, 3, 2]);
    expect(await numbers({ before: 2, limit: 3 })).toEqual([1]);
    expect(await now().releases.lastNumber(key)).toBe(4);
    expect(await now().releases.lastNumber(other)).toBe(9);
  });

  test("live releases come by their last time of being live, each once", async () => {
    const verdicts = ["live", "live", "failed", "live", "rolled-back", "live"] as const;
    const releases = [1, 2, 3, 4, 5, 1];
    for (const [index, verdict] of verdicts.entries()) {
      const deployment = ended(index + 1, verdict, { release: releases[index] ?? 0 });
      await now().commit([{ kind: "deployment", deployment }]);
    }
    await now().commit([{ kind: "deployment", deployment: ended(1, "live", { release: 1, culprit: "late" }) }]);
    await now().commit([{ kind: "deployment", deployment: aDeployment(8, { release: 8 }) }]);
    expect(await now().releases.live(key, 10)).toEqual([1, 4, 2]);
    expect(await now().releases.live(key, 2)).toEqual([1, 4]);
    expect(await now().releases.live(other, 2)).toEqual([]);
  });
}
