import type { Clock } from "../../../ports/clock.ts";
import { pause } from "./pause.ts";
import type { Runner } from "./program.ts";

/** So long the engine may take for starting a container again; who ends again and again is started again then. */
const patienceMs = 5_000;
/** Between two looks. */
const lookMs = 10;

/**
 * What `ask` gives, waited for while somebody else is starting HAProxy again: starting it too would end the one that has
 * just come back, and be a second outage.
 */
export async function revived<T>(
  { runner, clock }: { readonly runner: Runner; readonly clock: Clock },
  ask: () => Promise<T | null>,
): Promise<T | null> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null || performance.now() > deadline || !(await runner.isReviving())) return answer;
    await pause(clock, lookMs);
  }
}
