import { Fault } from "../../base/faults.ts";
import type { SteadyClock } from "../../ports/clock.ts";

/** What becomes of one call that changes something. */
export type CallResult = "well" | "crash-before" | "crash-after" | "refused" | "reply-lost";

export interface CallResults {
  /** Asked before every call that changes something. */
  ofEffect(call: string): { readonly result: CallResult; readonly latencyMs: number };
  /** Whether a call that only asks fails. */
  ofQuestion(call: string): boolean;
}

/**
 * The line between one controller process and the world. When the process dies, the line is cut: no call goes through
 * any more, none that is under way is ever answered, and no listener or timer of the dead one is called.
 */
export class FaultyCalls {
  readonly #results: CallResults;
  readonly #clock: SteadyClock;
  readonly #died: () => void;
  #cut = false;

  constructor(results: CallResults, clock: SteadyClock, died: () => void) {
    this.#results = results;
    this.#clock = clock;
    this.#died = died;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#died();
  }

  readonly clock: SteadyClock = {
    now: () => this.#clock.now(),
    steady: () => this.#clock.steady(),
    after: (ms, then) => (this.#cut ? () => {} : this.#clock.after(ms, this.#heard(then))),
  };

  /** The same port, with its books, reached through this line. `effects` are the calls that change something. */
  through<T extends object>(label: string, port: T, effects: readonly string[]): T {
    return new Proxy(port, {
      get: (target, member) => {
        const method: unknown = Reflect.get(target, member);
        const name = String(member);
        if (typeof method === "object" && method !== null) return this.through(`${label}.${name}`, method, effects);
        if (typeof method !== "function") return method;
        if (immediate.has(name)) return (...args: unknown[]) => method.apply(target, args);
        if (listening.has(name)) return (listener: () => void) => method.call(target, this.#heard(listener));
        const act = (args: unknown[]): Promise<unknown> => method.apply(target, args);
        const call = `${label}.${name}`;
        if (effects.includes(name)) return (...args: unknown[]) => this.#effect(call, () => act(args));
        return (...args: unknown[]) => this.#question(call, () => act(args));
      },
    });
  }

  #heard<A extends unknown[]>(listener: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      if (!this.#cut) listener(...args);
    };
  }

  async #question(call: string, act: () => Promise<unknown>): Promise<unknown> {
    if (this.#cut) return never();
    if (this.#results.ofQuestion(call)) throw new Fault("operation.failed", `${call} failed`);
    const answer = await act();
    return this.#cut ? never() : answer;
  }

  async #effect(call: string, act: () => Promise<unknown>): Promise<unknown> {
    if (this.#cut) return never();
    const { result, latencyMs } = this.#results.ofEffect(call);
    if (latencyMs > 0) await this.#pass(latencyMs);
    if (result === "crash-before") this.cut();
    if (this.#cut) return never();
    if (result === "refused") throw new Fault("operation.failed", `${call} failed`);
    const answer = await act();
    if (result === "crash-after") this.cut();
    if (this.#cut) return never();
    if (result === "reply-lost") throw new Fault("operation.failed", `the reply to ${call} was lost`);
    return answer;
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve));
  }
}

/** Members that answer at once and change nothing. */
const immediate: ReadonlySet<string> = new Set(["address", "trouble"]);
/** Members that take a listener. */
const listening: ReadonlySet<string> = new Set(["changes", "records", "committed", "appended"]);

function never(): Promise<never> {
  return new Promise(() => {});
}
