import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { Fault } from "../base/faults.ts";
import type { Connection } from "../http/api.ts";

/** Largest message: a command may have 1 MiB of arguments, as the body of a request may. */
const mostBytes = 1024 * 1024;
/** A client that has not answered to so many pings in a row, one a look, is gone. */
const unanswered = 3;

/** What the server says of a request's connection to the API. */
export type RequestLink = Pick<Connection, "address" | "upgrade">;

/** Requests that ask to become a WebSocket (RFC 6455), and the connections that came of them. */
export class Upgrades {
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: mostBytes,
    perMessageDeflate: false,
  });
  readonly #answer: (request: Request, link: RequestLink) => Promise<Response>;
  /** At once. */
  readonly #most: number;
  /** With the pings that were not answered. */
  readonly #open = new Map<WebSocket, number>();

  constructor(most: number, answer: (request: Request, link: RequestLink) => Promise<Response>) {
    this.#most = most;
    this.#answer = answer;
  }

  /** Answers a request; unless that accepts it, it gets its response as any other and its connection ends. */
  async take(incoming: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> {
    connection.on("error", () => connection.destroy());
    let isAccepted = false;
    const upgrade = () => {
      this.#refuseTooMany();
      isAccepted = true;
      return this.#accept(incoming, connection, head);
    };
    const response = await this.#answer(requestOf(incoming), { address: incoming.socket.remoteAddress, upgrade });
    if (!isAccepted) await respond(connection, response);
  }

  /** Asks whether the clients are still there. */
  look(): void {
    for (const [socket, missed] of this.#open) {
      this.#open.set(socket, missed + 1);
      if (missed >= unanswered) socket.terminate();
      else socket.ping();
    }
  }

  close(): void {
    for (const socket of this.#open.keys()) socket.terminate();
  }

  #refuseTooMany(): void {
    if (this.#open.size < this.#most) return;
    throw new Fault("task.too-many", `this controller already has ${this.#most} attached commands`);
  }

  #accept(incoming: IncomingMessage, connection: Duplex, head: Buffer): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      connection.once("close", () =>
        reject(new Fault("request.invalid", "the client sent no proper WebSocket request")),
      );
      this.#server.handleUpgrade(incoming, connection, head, (socket) => {
        this.#open.set(socket, 0);
        socket.on("pong", () => this.#open.set(socket, 0));
        socket.once("close", () => this.#open.delete(socket));
        resolve(socket);
      });
    });
  }
}

function requestOf({ url = "/", headers }: IncomingMessage): Request {
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((each): [string, string] => [name, each]),
  );
  return new Request(new URL(url, "http://localhost"), { headers: pairs });
}

async function respond(connection: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  response.headers.set("content-length", String(body.length));
  response.headers.set("connection", "close");
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  connection.write(`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}\r\n${lines}\r\n`);
  connection.end(body);
}
