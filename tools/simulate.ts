import { parseArgs } from "node:util";
import { createEngine } from "../src/engine/loop.ts";
import { plan } from "../src/plan/decide.ts";
import { simulate } from "../src/testing/simulation/world.ts";

/**
 * Runs the engine against simulated worlds, one per seed, and stops at the first breach of an invariant:
 * `npm run simulate -- --runs 1000 --seed 1 [--verbose]`. Exit code 1 when an invariant was broken.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      verbose: { type: "boolean", default: false },
    },
  });
  const first = Number(values.seed);
  const notify = values.verbose ? (line: string) => process.stdout.write(`${line}\n`) : undefined;
  const verdicts = new Map<string, number>();
  let effects = 0;
  for (let seed = first; seed < first + Number(values.runs); seed += 1) {
    const result = await simulate({ seed, plan, boot: createEngine, notify });
    effects += result.effects;
    for (const verdict of result.verdicts) verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    if (result.breach === null) continue;
    process.stdout.write(`seed ${seed} (${result.faultSchedule}): ${result.breach}\n`);
    return 1;
  }
  const ends = [...verdicts].sort().map(([verdict, count]) => `${verdict} ${count}`);
  process.stdout.write(`${values.runs} runs, ${effects} effects, no breach\n${ends.join("\n")}\n`);
  return 0;
}

process.exitCode = await main();
