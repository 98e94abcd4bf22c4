import { setTimeout as pause } from "node:timers/promises";
import { Fault } from "../../../base/faults.ts";
import { afterAsk, askMs, firstPulse, isHung, type Pulse, type Standing, standingOf } from "../../../model/pulse.ts";
import type { FrontProxies } from "../../../model/route.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { EdgeAnswer } from "../../../ports/edge.ts";
import { askOutside } from "./outside.ts";

export interface HeartbeatOptions {
  readonly clock: Clock;
  /** Where the edge takes traffic; null while that is not known. */
  readonly address: () => { readonly host: string; readonly port: number } | null;
  readonly proxies: FrontProxies;
  /** Asks the edge's own socket. Fault `edge.unreachable` when it does not answer; it may take longer than anybody waits. */
  readonly inside: () => Promise<unknown>;
  /**
   * Called when it stands otherwise than before, and at every question while it is hung. That nobody listens, or somebody does
   * again, is not told here: connections to its own socket end and begin with that.
   */
  readonly changed: () => void;
}

/** Interval of probes without a reader. */
const everyMs = 2_000;
/** An answer of this age is still valid: observing many environments at once needs one probe. */
const freshMs = 500;
/** Between two questions to an edge that is silent. */
const againMs = 500;

/** Asks the edge again and again what its clients get, from `begin` to `close`. Keeps no process alive. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #pulse: Pulse = firstPulse;
  /** What is known, since when; null: nothing yet. */
  #known: { readonly standing: Standing; readonly since: number } | null = null;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | null = null;
  /** Failures without a waiting caller. */
  #failure: { readonly thrown: unknown } | null = null;
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Asks now and then by itself from here on. */
  begin(): void {
    if (this.#cancel !== null) return;
    const next = () => {
      if (!this.#closed) this.#cancel = this.#options.clock.after(everyMs, () => void this.#ask().then(next, failed));
    };
    const failed = (thrown: unknown) => {
      this.fail(thrown);
      next();
    };
    next();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  /** How it stands now, asked within the last half second. */
  async look(): Promise<Standing> {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure.thrown;
    if (performance.now() - this.#askedAt > freshMs || this.#standing !== "answers") await this.#ask();
    return this.#standing;
  }

  /** Whether it is hung: asks until one of the two is known, for 15 s at most. */
  async hangs(): Promise<boolean> {
    while ((await this.look()) === "silent") {
      if (this.isHung()) return true;
      await pause(againMs);
    }
    return false;
  }

  /** Stores failures without a waiting caller, for the next one. */
  fail(thrown: unknown): void {
    this.#failure = { thrown };
  }

  /** Whether it answered everything when it was asked last. */
  isWell(): boolean {
    return this.#standing === "answers";
  }

  isHung(): boolean {
    return isHung(this.#pulse, performance.now());
  }

  /** Another one was started: what was seen of its predecessor says nothing. */
  forget(): void {
    this.#pulse = firstPulse;
    this.#askedAt = Number.NEGATIVE_INFINITY;
  }

  answer(): EdgeAnswer {
    const since = this.#known?.since ?? null;
    if (this.#standing === "answers") return { answers: true, since, detail: null };
    const { host, port } = this.#options.address() ?? { host: "", port: 0 };
    const detail = `the edge at ${host}:${port} ${told[this.#standing]}`;
    return { answers: this.#standing === "deaf", since, detail };
  }

  get #standing(): Standing {
    return this.#known?.standing ?? "answers";
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#put().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #put(): Promise<void> {
    const address = this.#options.address();
    if (address === null) return;
    const { proxies } = this.#options;
    const askedMs = performance.now();
    const [outside, inside] = await Promise.all([askOutside({ ...address, proxies }), this.#isAnsweredInside()]);
    this.#askedAt = askedMs;
    if (outside === "late") return;
    this.#pulse = afterAsk(this.#pulse, { askedMs, endedMs: performance.now(), outside, inside });
    const standing = standingOf(this.#pulse);
    const known = this.#known;
    if (known?.standing !== standing) this.#known = { standing, since: this.#options.clock.now() };
    const isOther = known !== null && known.standing !== standing && known.standing !== "away" && standing !== "away";
    if (isOther || this.isHung()) this.#options.changed();
  }

  async #isAnsweredInside(): Promise<boolean> {
    const late = new AbortController();
    const answered = this.#options.inside().then(
      () => true,
      (thrown) => {
        if (thrown instanceof Fault && thrown.code === "edge.unreachable") return false;
        throw thrown;
      },
    );
    try {
      return await Promise.race([answered, pause(askMs, false, { signal: late.signal, ref: false })]);
    } finally {
      late.abort();
    }
  }
}

const told: Readonly<Record<Exclude<Standing, "answers">, string>> = {
  away: "is down: nothing listens there",
  deaf: "serves clients, but does not answer the controller",
  busy: "answers the controller, but no clients",
  silent: "does not answer",
};
