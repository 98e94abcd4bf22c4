import { describe, expect, test } from "vitest";
import { plan } from "../plan/decide.ts";
import { isExhaustive } from "../testing/exhaustive.ts";
import { simulate } from "../testing/simulation/world.ts";
import { createEngine } from "./loop.ts";

/** Together at least 2,000 runs, or 100,000; several tests, so that a failure is named soon and no single one is long. */
const batches = isExhaustive ? 1_000 : 20;
const runsOfBatch = 100;

/** Words of what all runs were and how their deployments ended. */
const seen = new Set<string>();

async function firstBreach(from: number, runs: number): Promise<string | null> {
  for (let seed = from; seed < from + runs; seed += 1) {
    const { breach, faultSchedule, verdicts } = await simulate({ seed, plan, boot: createEngine });
    for (const word of [faultSchedule, ...verdicts.flatMap((verdict) => verdict.split(" "))]) seen.add(word);
    if (breach !== null) return `${breach} (${faultSchedule}; npm run simulate -- --runs 1 --seed ${seed} --verbose)`;
  }
  return null;
}

describe("the engine keeps every invariant in simulated worlds", () => {
  test.each(Array.from({ length: batches }, (_, batch) => 1 + batch * runsOfBatch))("from seed %d on", async (from) =>
    expect(await firstBreach(from, runsOfBatch)).toBeNull(),
  );

  test("one seed is one run", async () => {
    const record = async () => {
      const lines: string[] = [];
      await simulate({ seed: 7, plan, boot: createEngine, notify: (line) => lines.push(line) });
      return lines;
    };
    const lines = await record();
    expect(lines.length).toBeGreaterThan(50);
    expect(await record()).toEqual(lines);
  });

  test("the runs were of all kinds and ended in all verdicts", () => {
    for (const word of ["calm", "crash", "rough", "deploy", "stage", "rollback", "restart"])
      expect(seen).toContain(word);
    for (const word of ["live", "staged", "failed", "rolled-back", "cancelled", "superseded"])
      expect(seen).toContain(word);
  });
});
