import { asFault } from "../base/faults.ts";
import { keyText } from "../model/environment.ts";
import type { EngineDeps } from "./engine.ts";

/**
 * Reports what the runtime and the edge have of environments that the journal does not know, as after its loss. The
 * planner leaves all of it alone. Nothing is written to the journal, because that would make them known.
 */
export async function reportUnknown({ journal, runtime, edge, log }: EngineDeps): Promise<void> {
  const known = new Set((await journal.environments.all()).map(({ key }) => keyText(key)));
  const running = (await runtime.keys()).map(keyText);
  const routed = await edge.owners().catch((thrown: unknown) => {
    const { code, detail } = asFault(thrown);
    log.warn({ code }, `cannot determine whose routes the edge has: ${detail}`);
    return [] as readonly string[];
  });
  for (const name of new Set([...running, ...routed].filter((one) => !known.has(one)))) {
    const what = [running.includes(name) && "what runs there", routed.includes(name) && "its routes"].filter(Boolean);
    log.warn({ key: name }, `the journal does not know ${name}; ${what.join(" and ")} is left alone`);
  }
}
