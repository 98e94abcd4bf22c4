import { setTimeout } from "node:timers/promises";
import { Fault } from "../../../base/faults.ts";
import type { Standing } from "../../../model/pulse.ts";
import type { EdgeState } from "../../../ports/edge.ts";

/** What an edge says that does not answer. */
const nothingKnown: EdgeState = { up: false, table: null, stats: {} };

/** Whether clients get no answer, so that what its own socket says of routes means nothing. */
function isAway(standing: Standing): boolean {
  return standing !== "answers" && standing !== "deaf";
}

/** Its own socket answers within milliseconds; after this it is asked again whether clients are answered. */
const usualMs = 1_000;

/**
 * What is observed of an edge: what `ask` gives, unless it is away. Only that it does not answer means so; all else is thrown on.
 * Takes 5 s at most while no client is answered.
 */
export async function observed(look: () => Promise<Standing>, ask: () => Promise<EdgeState>): Promise<EdgeState> {
  if (isAway(await look())) return nothingKnown;
  const over = new AbortController();
  const asked = answerOf(ask);
  const lookAgain = async () => {
    await setTimeout(usualMs, undefined, { signal: over.signal });
    return isAway(await look()) ? nothingKnown : asked;
  };
  try {
    return await Promise.race([asked, lookAgain()]);
  } finally {
    over.abort();
  }
}

async function answerOf(ask: () => Promise<EdgeState>): Promise<EdgeState> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "edge.unreachable") return nothingKnown;
    throw thrown;
  }
}
