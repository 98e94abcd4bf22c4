import { type buildConnector, Client } from "undici";
import { AppSocket } from "./app-socket.ts";
import { embeddedSettings } from "./settings.ts";

/** One connection to an app, which undici opens again when it was closed. */
export interface AppConnection {
  readonly client: Client;
  /** Requests sent on the connection that is open now: 0 means that it is fresh. */
  sent: number;
}

/** The connections to one address. Idle ones are used newest first, so that surplus ones get old and are closed. */
export class Connections {
  readonly #host: string;
  readonly #port: number;
  readonly #idle: AppConnection[] = [];
  #closed = false;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  /** A connection for one request; `give` it back afterwards. */
  take(): AppConnection {
    return this.#idle.pop() ?? this.open();
  }

  /** A connection that carried no request yet. */
  open(): AppConnection {
    const client = new Client(`http://${originHost(this.#host)}:${this.#port}`, {
      connect: (_options, callback) => this.#connect(callback),
      keepAliveTimeout: embeddedSettings.upstreamIdleMs,
      keepAliveMaxTimeout: embeddedSettings.upstreamIdleMs,
      keepAliveTimeoutThreshold: 1_000,
      maxHeaderSize: embeddedSettings.answerHeaderBytes,
    });
    const line: AppConnection = { client, sent: 0 };
    client.on("connect", () => {
      line.sent = 0;
    });
    client.on("disconnect", () => this.#forget(line));
    return line;
  }

  give(line: AppConnection): void {
    if (this.#closed) void line.client.close();
    else this.#idle.push(line);
  }

  /** Ends a failed connection after the event that reported it, because undici is still using it. */
  discard(line: AppConnection): void {
    queueMicrotask(() => void line.client.destroy());
  }

  /** Closes idle connections now and the others when they are given back. */
  close(): void {
    this.#closed = true;
    for (const line of this.#idle.splice(0)) void line.client.close();
  }

  #forget(line: AppConnection): void {
    const index = this.#idle.indexOf(line);
    if (index === -1) return;
    this.#idle.splice(index, 1);
    void line.client.close();
  }

  #connect(callback: buildConnector.Callback): void {
    const socket = new AppSocket();
    socket.setNoDelay(true).setKeepAlive(true).connect({ host: this.#host, port: this.#port });
    const late = setTimeout(() => socket.destroy(new ConnectTimeout()), embeddedSettings.connectMs);
    const failed = (error: Error) => {
      clearTimeout(late);
      callback(error, null);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      clearTimeout(late);
      socket.off("error", failed);
      callback(null, socket);
    });
  }
}

/** The address answered nothing at all in time. */
class ConnectTimeout extends Error {
  readonly code = "ETIMEDOUT";
}

function originHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
