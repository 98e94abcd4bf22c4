import type { IncomingMessage } from "node:http";
import { backoff } from "../../../base/backoff.ts";
import { Fault } from "../../../base/faults.ts";
import type { ContainerEngine } from "../../../host/engine.ts";
import { jsonLines } from "../../../host/engine-streams.ts";
import { installationLabel } from "../../../host/installation.ts";
import type { Clock } from "../../../ports/clock.ts";

/** What the engine reports of one of our containers. */
export interface EngineEvent {
  readonly id: string;
  readonly action: "start" | "die" | "oom" | "destroy";
  readonly at: number;
  /** Of `die`. */
  readonly code: number;
  /** It happened before this connection: what it led to may have been undone since. */
  readonly isOld: boolean;
}

interface WatchOptions {
  readonly engine: ContainerEngine;
  readonly installation: string;
  readonly clock: Clock;
  readonly heard: (event: EngineEvent) => void;
  /** Is told whatever breaks a connection; the engine's faults are also those of whoever asks meanwhile. */
  readonly failed: (thrown: unknown) => void;
  /** Looks at everything, because events may have been missed. What it throws breaks the connection. */
  readonly lookAtAll: () => Promise<void>;
}

interface RawEvent {
  readonly Action: string;
  readonly timeNano: number;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

/** Within a second of the engine's return everything must be known again. */
const again = { first: 50, limit: 500 };
const connectMs = 5_000;
/** The engine answers a moment before it listens to what happens; so much is asked for again. */
const overlapMs = 1_000;

/**
 * The connection over which the engine tells what happens. It is known to be whole from a look at everything after it
 * was made until it closes; it is recreated by itself, with another look.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #away = new AbortController();
  #connecting: Promise<void> | null = null;
  #isWhole = false;
  #failures = 0;
  #cancel: (() => void) | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Answers when all that happens is heard and what happened before is known. Faults: those of the engine. */
  ready(): Promise<void> {
    if (this.#isWhole) return Promise.resolve();
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  /** Connects, with retries. */
  start(): void {
    this.ready().catch(this.#options.failed);
  }

  close(): void {
    this.#away.abort(new Fault("engine.unreachable", "the runtime was closed"));
    this.#isWhole = false;
    this.#cancel?.();
  }

  async #connect(): Promise<void> {
    this.#cancel?.();
    this.#away.signal.throwIfAborted();
    const { engine, installation, clock, lookAtAll } = this.#options;
    const begun = clock.now();
    try {
      const label = [`${installationLabel}=${installation}`];
      const filters = { type: ["container"], label, event: ["start", "die", "oom", "destroy"] };
      const query = { filters, since: ((begun - overlapMs) / 1_000).toFixed(3) };
      const options = { query, signal: this.#away.signal, withinMs: connectMs };
      const stream = await engine.stream("GET", "/events", options);
      const reading = this.#read(stream, begun);
      await lookAtAll().catch((thrown) => {
        stream.destroy();
        throw thrown;
      });
      this.#isWhole = !stream.destroyed;
      this.#failures = 0;
      void reading.finally(() => this.#lost());
    } catch (thrown) {
      this.#lost();
      throw thrown;
    }
  }

  /** Reads until the connection closes, for whatever reason: all are treated alike, and seen by who asks meanwhile. */
  async #read(stream: IncomingMessage, connectedAt: number): Promise<void> {
    try {
      for await (const event of jsonLines<RawEvent>(stream)) this.#heard(event, connectedAt);
    } catch (thrown) {
      this.#options.failed(thrown);
      stream.destroy();
    }
  }

  #heard({ Action, Actor, timeNano }: RawEvent, connectedAt: number): void {
    const at = Math.floor(timeNano / 1e6);
    const action = Action as EngineEvent["action"];
    const code = Number(Actor.Attributes.exitCode ?? 0);
    this.#options.heard({ id: Actor.ID, action, at, code, isOld: at < connectedAt });
  }

  #lost(): void {
    this.#isWhole = false;
    if (this.#away.signal.aborted) return;
    this.#failures += 1;
    this.#cancel?.();
    this.#cancel = this.#options.clock.after(backoff(this.#failures, again), () => {
      this.start();
    });
  }
}
