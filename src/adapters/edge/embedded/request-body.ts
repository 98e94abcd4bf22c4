import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { embeddedSettings } from "./settings.ts";

/** Why a request's body ended early. */
export class BodyStopped extends Error {
  /** The answer; null if the client has disconnected. */
  readonly status: 408 | 413 | null;

  constructor(status: 408 | 413 | null) {
    super("the request's body ended early");
    this.status = status;
  }
}

export interface BodyOptions {
  /** Most bytes it may have. */
  readonly limit: number;
  /** Called when somebody starts to read it: the time to tell a client that waits for `100 Continue`. */
  readonly wanted: () => void;
}

/**
 * A request's body on its way to an app. Unlike the request itself it may be destroyed without cutting the client off,
 * so that the client can still get an answer. It fails with `BodyStopped`.
 */
export class RequestBody extends Readable {
  readonly #req: IncomingMessage;
  readonly #options: BodyOptions;
  #bytes = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(req: IncomingMessage, options: BodyOptions) {
    super();
    this.#req = req;
    this.#options = options;
  }

  override _read(): void {
    if (this.#idle === undefined) this.#begin();
    this.#idle?.refresh();
    this.#req.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#req.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onClose);
    this.#req.resume();
    done(error);
  }

  #begin(): void {
    this.#idle = setTimeout(() => this.#onIdle(), embeddedSettings.bodyIdleMs);
    this.#req.on("data", this.#onData).on("end", this.#onEnd).on("close", this.#onClose);
    this.#options.wanted();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    this.#idle?.refresh();
    if (this.#bytes > this.#options.limit) this.destroy(new BodyStopped(413));
    else if (!this.push(chunk)) this.#req.pause();
  };

  readonly #onEnd = (): void => {
    clearTimeout(this.#idle);
    this.push(null);
  };

  readonly #onClose = (): void => {
    if (!this.#req.complete) this.destroy(new BodyStopped(null));
  };

  /** Silence counts only while the client could send: an app that takes nothing is not the client's fault. */
  #onIdle(): void {
    if (this.#req.isPaused()) this.#idle?.refresh();
    else this.destroy(new BodyStopped(408));
  }
}
