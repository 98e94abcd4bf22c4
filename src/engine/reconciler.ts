import { asFault, type Fault } from "../base/faults.ts";
import { Serial } from "../base/serial.ts";
import type { SteadyClock } from "../ports/clock.ts";
import { Turns } from "./turns.ts";

/** The result of one reconcile of a key. `done`: nothing to do until the key is triggered again. */
export type ReconcileOutcome =
  | { readonly kind: "done" }
  | { readonly kind: "again"; readonly afterMs: number }
  | { readonly kind: "retry"; readonly fault: Fault }
  | { readonly kind: "gave-up"; readonly fault: Fault };

export interface ReconcilerOptions<Key> {
  readonly clock: SteadyClock;
  /** Equal for equal keys, different for different ones. */
  readonly nameOf: (key: Key) => string;
  /** Observes and acts. Anything it throws counts as `retry`. */
  readonly reconcile: (key: Key) => Promise<ReconcileOutcome>;
  /** The delay before attempt number `tries`, in ms; 1 is the first after a fault. */
  readonly retryAfterMs: (tries: number, key: Key) => number;
  /** Receives faults; the same one of a key at most every ten minutes. */
  readonly warn: (key: Key, fault: Fault) => void;
}

/** Number of keys reconciled in parallel: a few that hang block nobody, and memory at the start is limited. */
const keysAtOnce = 64;
/** Interval for reporting the same fault of a key, so that a lasting one does not fill the log. */
const warnAgainMs = 600_000;

interface KeyState {
  /** A reconcile is queued and has not started. */
  isQueued: boolean;
  /** When the timer fires, on the steady clock. */
  dueAt: number;
  cancel: () => void;
  /** Reconciles in a row that ended in `retry`. */
  tries: number;
  warned: { readonly detail: string; readonly at: number } | null;
}

/**
 * Reconciles keys: one at a time per key, keys in parallel. A trigger carries only the key, and triggers before the
 * start of a reconcile are merged. Nothing is stored for a key without a plan.
 */
export class Reconciler<Key> {
  readonly #options: ReconcilerOptions<Key>;
  readonly #serial = new Serial();
  readonly #turns = new Turns(keysAtOnce);
  readonly #states = new Map<string, KeyState>();
  #isClosed = false;

  constructor(options: ReconcilerOptions<Key>) {
    this.#options = options;
  }

  /** Whether nothing more is started; a running reconcile may end early. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Reconciles a key now, or within `withinMs` when that is given. */
  trigger(key: Key, withinMs: number | null = null): void {
    if (this.#isClosed) return;
    const name = this.#options.nameOf(key);
    const state = this.#stateOf(name);
    if (state.isQueued) return;
    if (withinMs !== null) return this.#schedule(key, state, withinMs);
    state.isQueued = true;
    void this.#serial.run(name, () => this.#turns.take(name, () => this.#run(key, state)));
  }

  /** Runs the work while the key is not reconciled, in the order of the requests. */
  exclusively<T>(key: Key, work: () => Promise<T>): Promise<T> {
    return this.#serial.run(this.#options.nameOf(key), work);
  }

  /** Starts nothing more, and returns when nothing is running. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { cancel } of this.#states.values()) cancel();
    await this.#serial.idle();
  }

  #stateOf(name: string): KeyState {
    const known = this.#states.get(name);
    if (known) return known;
    const state: KeyState = { isQueued: false, ...unscheduled, tries: 0, warned: null };
    this.#states.set(name, state);
    return state;
  }

  /** A later request does not delay a previous one. */
  #schedule(key: Key, state: KeyState, withinMs: number): void {
    const { clock } = this.#options;
    const dueAt = clock.steady() + withinMs;
    if (dueAt >= state.dueAt) return;
    state.cancel();
    Object.assign(state, { dueAt, cancel: clock.after(withinMs, () => this.trigger(key)) });
  }

  async #run(key: Key, state: KeyState): Promise<void> {
    if (this.#isClosed) return;
    state.cancel();
    Object.assign(state, { isQueued: false, ...unscheduled });
    const outcome = await this.#outcomeOf(key);
    if (this.#isClosed) return;
    state.tries = outcome.kind === "retry" ? state.tries + 1 : 0;
    if ("fault" in outcome) this.#warn(key, state, outcome.fault);
    else if (outcome.kind === "done") state.warned = null;
    const afterMs = this.#delayOf(key, outcome, state.tries);
    if (afterMs !== null) this.#schedule(key, state, afterMs);
    else if (!state.isQueued && state.dueAt === unscheduled.dueAt) this.#states.delete(this.#options.nameOf(key));
  }

  async #outcomeOf(key: Key): Promise<ReconcileOutcome> {
    try {
      return await this.#options.reconcile(key);
    } catch (thrown) {
      return { kind: "retry", fault: asFault(thrown) };
    }
  }

  #delayOf(key: Key, outcome: ReconcileOutcome, tries: number): number | null {
    if (outcome.kind === "again") return outcome.afterMs;
    return outcome.kind === "retry" ? this.#options.retryAfterMs(tries, key) : null;
  }

  #warn(key: Key, state: KeyState, fault: Fault): void {
    const at = this.#options.clock.steady();
    if (state.warned?.detail === fault.detail && at - state.warned.at < warnAgainMs) return;
    state.warned = { detail: fault.detail, at };
    this.#options.warn(key, fault);
  }
}

const unscheduled = { dueAt: Number.POSITIVE_INFINITY, cancel: (): void => undefined } as const;
