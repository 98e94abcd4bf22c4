import type { ProbeAnswer, ProbeRequest, Prober } from "../../ports/prober.ts";
import { hangsAt, isReadyAt } from "./behaviour.ts";
import type { SimulatedClock } from "./clock.ts";
import type { Process, SimulatedRuntime } from "./runtime.ts";

/** Path at which simulated processes tell whether they are alive; every other one asks whether they are ready. */
export const alivePath = "/alive";

/** What a check asks for; it is there whenever the process is ready. */
export const pagePath = "/page";

/** How long an answer takes. */
const answerMs = 1;

/** Asks simulated processes, and counts the good answers they really gave. */
export class SimulatedProber implements Prober {
  readonly #clock: SimulatedClock;
  readonly #runtime: SimulatedRuntime;

  constructor(clock: SimulatedClock, runtime: SimulatedRuntime) {
    this.#clock = clock;
    this.#runtime = runtime;
  }

  async probe(request: ProbeRequest): Promise<ProbeAnswer> {
    const asked = this.#runtime.at(request.address);
    const isHung = asked !== undefined && request.kind === "http" && hangsAt(asked.behaviour, this.#ageOf(asked));
    await this.#pass(isHung ? request.timeoutMs : answerMs);
    const found = this.#runtime.at(request.address);
    const answer = this.#answerOf(request, found);
    if (found && !found.behaviour.squatted && !isFor(request, alivePath) && !isFor(request, pagePath)) {
      found.readyInRow = answer.good ? found.readyInRow + 1 : 0;
      found.bestRow = Math.max(found.bestRow, found.readyInRow);
    }
    return answer;
  }

  #answerOf(request: ProbeRequest, process: Process | undefined): ProbeAnswer {
    if (process?.behaviour.squatted) return { good: true, words: "200", refused: false };
    const age = process ? this.#ageOf(process) : 0;
    const isListening = process?.behaviour.listens === "given" && age >= Math.min(5, process.behaviour.readyAfter ?? 5);
    if (!process || !isListening) return { good: false, words: "nothing listens", refused: true };
    const { behaviour } = process;
    if (request.kind === "tcp") {
      const good = behaviour.readyAfter !== null && age >= behaviour.readyAfter;
      return { good, words: good ? "accepted" : "nothing listens", refused: !good };
    }
    if (hangsAt(behaviour, age)) return { good: false, words: `GET ${request.path} → no answer`, refused: false };
    if (isFor(request, alivePath)) return { good: true, words: `GET ${request.path} → 200`, refused: false };
    const isLacking = isFor(request, pagePath) && behaviour.lacksPage;
    const good = isReadyAt(behaviour, age) && !isLacking;
    const words = behaviour.degraded ? `200, status is "degraded"` : good ? "200" : "503";
    return { good, words: `GET ${request.path} → ${words}`, refused: false };
  }

  #ageOf(process: Process): number {
    return this.#runtime.ageOf(process);
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve));
  }
}

function isFor(request: ProbeRequest, path: string): boolean {
  return request.kind === "http" && request.path === path;
}
