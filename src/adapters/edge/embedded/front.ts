import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Admission } from "./admission.ts";
import { Exchange } from "./exchange.ts";
import { plainPage } from "./pages.ts";
import { targetOf, wantsUpgrade } from "./request-checks.ts";
import { settings } from "./settings.ts";
import { Upgrade } from "./upgrade.ts";
import { Visit } from "./visit.ts";

export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** The door to the outside. */
export class Front {
  readonly #server: Server;
  readonly #admission: Admission;
  readonly #upgraded = new Set<Socket>();

  constructor(admission: Admission) {
    this.#admission = admission;
    this.#server = createServer({
      maxHeaderSize: settings.headerBytes,
      headersTimeout: settings.headersMs,
      requestTimeout: settings.requestMs,
      keepAliveTimeout: settings.clientIdleMs,
      connectionsCheckingInterval: 1_000,
      insecureHTTPParser: false,
      optimizeEmptyRequests: true,
      shouldUpgradeCallback: wantsUpgrade,
    });
    this.#server.on("request", (req, res) => this.#request(req, res, false));
    this.#server.on("checkContinue", (req, res) => this.#request(req, res, true));
    this.#server.on("upgrade", (req, socket, head) => this.#upgrade(req, socket as Socket, head));
  }

  /** Opens it. Rejects with Node's own error (`EADDRINUSE`, `EACCES`, …). */
  async open(listen: Listen): Promise<Listen> {
    this.#server.listen({ host: listen.host, port: listen.port, backlog: 1_024 });
    await once(this.#server, "listening");
    const { port } = this.#server.address() as AddressInfo;
    return { host: listen.host, port };
  }

  /** Takes nothing new, lets what is under way finish for at most `drainMs`, then cuts it. */
  async close(): Promise<void> {
    this.#admission.draining = true;
    const closed = once(this.#server, "close");
    this.#server.close();
    const idle = setInterval(() => this.#server.closeIdleConnections(), 50);
    const late = setTimeout(() => this.#cut(), settings.drainMs);
    await closed;
    clearInterval(idle);
    clearTimeout(late);
  }

  #cut(): void {
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
  }

  #request(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const target = targetOf(req);
    if (target === null) return refuseShape(res);
    const visit = new Visit(req, target);
    this.#admission.admit(new Exchange(visit, res, { admission: this.#admission, expectsContinue }));
  }

  #upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#upgraded.add(socket);
    socket.once("close", () => this.#upgraded.delete(socket));
    const target = targetOf(req);
    if (target === null) {
      socket.on("error", () => socket.destroy());
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    this.#admission.admit(new Upgrade(new Visit(req, target), socket, { admission: this.#admission, head }));
  }
}

/** Whoever sends a request of two meanings may have hidden a second one behind it: nothing more is read from there. */
function refuseShape(res: ServerResponse): void {
  const { body, headers } = plainPage(400);
  res.writeHead(400, [...headers, "connection", "close"]);
  res.end(body);
}
