import type { Verdict } from "../model/deployment.ts";
import { isThere } from "../model/environment.ts";
import type { Call } from "./access.ts";
import { type InstanceState, stateOf } from "./instances.ts";

/** How many deployments of every environment are counted; more would make a scrape slower with every deployment. */
const deploymentsCounted = 200;

export interface Measures {
  readonly environments: number;
  readonly instances: ReadonlyMap<InstanceState, number>;
  readonly verdicts: ReadonlyMap<Verdict, number>;
}

/** Metrics of the whole controller; environments are read one after the other, so that a scrape disturbs nothing. */
export async function measure(call: Call): Promise<Measures> {
  const { journal, engine } = call.deps;
  const environments = (await journal.environments.all()).filter(isThere);
  const instances = new Map<InstanceState, number>();
  const verdicts = new Map<Verdict, number>();
  for (const { key } of environments) {
    const snapshot = await engine.observe(key);
    for (const instance of snapshot.instances) count(instances, stateOf(snapshot, instance));
    for (const { verdict } of await journal.deployments.page(key, { limit: deploymentsCounted }))
      count(verdicts, verdict);
  }
  return { environments: environments.length, instances, verdicts };
}

function count<Word>(counts: Map<Word, number>, word: Word | null): void {
  if (word !== null) counts.set(word, (counts.get(word) ?? 0) + 1);
}
