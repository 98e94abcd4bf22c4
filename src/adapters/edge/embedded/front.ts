import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Address } from "../../../model/instance.ts";
import type { FrontProxies } from "../../../model/route.ts";
import type { Admission } from "./admission.ts";
import type { LiveCertificates } from "./certificates.ts";
import type { Challenges } from "./challenges.ts";
import { ClientConnection, endGently } from "./client-connection.ts";
import { type Listener, ProxyExchange } from "./exchange.ts";
import { connectionAddress, headText } from "./headers.ts";
import { plainPage } from "./pages.ts";
import { Proxies } from "./proxies.ts";
import { takeProxyHeader } from "./proxy-header.ts";
import { clientKey } from "./rate.ts";
import { targetOf, wantsUpgrade } from "./request-checks.ts";
import { RequestContext } from "./request-context.ts";
import { embeddedSettings } from "./settings.ts";
import { Upgrade } from "./upgrade.ts";

/** How both doors read HTTP. */
const reading = {
  maxHeaderSize: embeddedSettings.headerBytes,
  headersTimeout: embeddedSettings.headersMs,
  requestTimeout: embeddedSettings.requestMs,
  keepAliveTimeout: embeddedSettings.clientIdleMs,
  connectionsCheckingInterval: 1_000,
  insecureHTTPParser: false,
  // Node would refuse it too early, and continue with what was sent after it.
  requireHostHeader: false,
  optimizeEmptyRequests: true,
  shouldUpgradeCallback: wantsUpgrade,
};

/** A plain door: what a certificate authority asks is answered before anybody else is asked. */
export function plainFront(admission: Admission, challenges: Challenges): Front {
  return new Front(createServer(reading), { admission, challenges });
}

/**
 * A door for TLS. Without a certificate for the name that a client asks for there is nothing to agree on, and OpenSSL ends
 * the handshake with an alert.
 */
export function secureFront(admission: Admission, certificates: LiveCertificates): Front {
  const server = createSecureServer({
    ...reading,
    minVersion: "TLSv1.2",
    handshakeTimeout: embeddedSettings.handshakeMs,
    SNICallback: (name, found) => found(null, certificates.find(name) ?? undefined),
  });
  return new Front(server, { admission, challenges: null });
}

/** A door to the outside. */
export class Front implements Listener {
  readonly #server: Server;
  readonly #admission: Admission;
  readonly #challenges: Challenges | null;
  readonly #upgraded = new Set<Socket>();
  /** Whose PROXY protocol header has not come yet. */
  readonly #arriving = new Set<Socket>();
  draining = false;
  #proxies: Proxies | null = null;
  #closed: Promise<void> | null = null;

  constructor(server: Server, { admission, challenges }: { admission: Admission; challenges: Challenges | null }) {
    this.#admission = admission;
    this.#challenges = challenges;
    this.#server = server;
    const [serve] = this.#server.listeners("connection");
    this.#server.removeAllListeners("connection");
    this.#server.on("connection", (socket) => this.#arrived(socket, () => serve?.call(this.#server, socket)));
    this.#server.on("request", (req, res) => this.#request(req, res, false));
    this.#server.on("checkContinue", (req, res) => this.#request(req, res, true));
    // An unknown expectation is ignored and not forwarded.
    this.#server.on("checkExpectation", (req, res) => this.#request(req, res, false));
    this.#server.on("upgrade", (req, socket, head) => {
      const serve = () => this.#upgrade(req, socket as Socket, head);
      ClientConnection.of(socket as Socket).take({ req, res: null, serve });
    });
    this.#server.on("connect", (req, socket) => {
      const serve = () => refuse(socket as Socket, 400);
      ClientConnection.of(socket as Socket).take({ req, res: null, serve });
    });
    this.#server.on("clientError", (error, socket) => unreadable(error, socket as Socket));
  }

  /** Sets the trusted proxies for new connections and requests. Faults: `usage.invalid`. */
  believe(proxies: FrontProxies): void {
    this.#proxies = proxies.trust.length === 0 ? null : new Proxies(proxies);
  }

  /** Opens it. Rejects with Node's own error (`EADDRINUSE`, `EACCES`, …). */
  async open(listen: Address): Promise<Address> {
    this.#server.listen({ host: listen.host, port: listen.port, backlog: 1_024 });
    await once(this.#server, "listening");
    const { port } = this.#server.address() as AddressInfo;
    return { host: listen.host, port };
  }

  /** Accepts nothing new; settles when all running requests have finished. */
  close(): Promise<void> {
    this.#closed ??= this.#drain();
    return this.#closed;
  }

  /** The same, and cuts what has not finished after `drainMs`. */
  async end(): Promise<void> {
    const late = setTimeout(() => this.#cut(), embeddedSettings.drainMs);
    await this.close();
    clearTimeout(late);
  }

  async #drain(): Promise<void> {
    this.draining = true;
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#arriving) socket.destroy();
    const idle = setInterval(() => this.#server.closeIdleConnections(), 50);
    await closed;
    clearInterval(idle);
  }

  #cut(): void {
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
  }

  #arrived(socket: Socket, serve: () => void): void {
    const proxies = this.#proxies;
    const address = connectionAddress(socket.remoteAddress ?? "");
    const isTrusted = proxies?.trusts(address) ?? false;
    const { crowd } = this.#admission;
    if (!crowd.enter(socket, isTrusted ? null : clientKey(address))) {
      return crowd.turnAway(socket, this.#challenges !== null);
    }
    if (!proxies?.proxyProtocol || !isTrusted) return serve();
    this.#arriving.add(socket);
    socket.once("close", () => this.#arriving.delete(socket));
    takeProxyHeader(socket, ({ address, port }) => {
      this.#arriving.delete(socket);
      proxies.announce(socket, { address: address === null ? null : connectionAddress(address), port });
      serve();
    });
  }

  #request(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const connection = ClientConnection.of(req.socket);
    if (connection.begin(req, res)) this.#serve(req, res, expectsContinue);
    else connection.take({ req, res, serve: () => this.#serve(req, res, expectsContinue) });
  }

  #serve(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const connection = ClientConnection.of(req.socket);
    const target = targetOf(req);
    if (target === null) return refuseShape(res, connection);
    const proof = this.#challenges?.answer(target) ?? null;
    if (proof !== null) return answerChallenge(res, proof);
    const context = new RequestContext(req, target, this.#proxies);
    const way = { connection, expectsContinue, admission: this.#admission, door: this };
    this.#admission.admit(new ProxyExchange(context, res, way));
  }

  #upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#upgraded.add(socket);
    socket.once("close", () => this.#upgraded.delete(socket));
    const target = targetOf(req);
    if (target === null) return refuse(socket, 400);
    this.#admission.admit(
      new Upgrade(new RequestContext(req, target, this.#proxies), socket, { admission: this.#admission, head }),
    );
  }
}

function answerChallenge(res: ServerResponse, proof: string): void {
  res.writeHead(200, { "content-type": "application/octet-stream", "content-length": proof.length });
  res.end(proof);
}

/** An ambiguous request may hide a second one: nothing more is read from its connection. */
function refuseShape(res: ServerResponse, connection: ClientConnection): void {
  const { body, headers } = plainPage(400);
  connection.condemn();
  res.writeHead(400, [...headers, "connection", "close"]);
  res.end(body);
}

/** The same where Node has no answer to write into. */
function refuse(socket: Socket, status: number): void {
  socket.on("error", () => socket.destroy());
  ClientConnection.of(socket).condemn();
  socket.write(refusal(status));
  endGently(socket);
}

function refusal(status: number): string {
  const { body, headers } = plainPage(status);
  return headText(status, [...headers, "connection", "close"]) + body;
}

/** How Node says why it cannot read on. */
const statuses: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** A client that does not send HTTP, is too slow or has disconnected. A started answer ends with its connection. */
function unreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  const status = statuses[error.code ?? ""] ?? 400;
  const waits = socket.writable && ClientConnection.of(socket).unreadable(() => refuse(socket, status));
  if (waits) return;
  // At once, so that the app learns that nothing more comes of its request.
  if (socket.writable && socket.bytesWritten === 0) socket.write(refusal(status));
  socket.destroySoon();
}
