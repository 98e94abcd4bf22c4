import { chmodSync, rmSync } from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Fault, isErrno } from "../base/faults.ts";
import { descriptorLimit } from "../host/proc.ts";
import { addressErrorOf, refusedAddress } from "../host/refused-address.ts";
import { type RequestLink, Upgrades } from "./upgrades.ts";

/** Time for the head of a request, from its first byte. */
const headersMs = 15_000;
/** A body of which nothing has come for so long is given up. */
const bodyIdleMs = 30_000;
/** Time for a whole body: an upload of 1 GiB at 300 KiB/s takes an hour, everything else is small. */
const uploadMs = 3_600_000;
const bodyMs = 300_000;
/** Between two checks the bodies under way. */
const lookMs = 5_000;
/** Of the connections, one of so many may be a WebSocket: those are not closed to make room. */
const upgradedShare = 8;

/** One place where the API is served. */
export interface ApiServer {
  /** Ends all connections; resolves when no request is under way any more. */
  close(): Promise<void>;
}

/** `upgrade`: see `Connection` of the API. */
type Fetch = (request: Request, link: RequestLink) => Response | Promise<Response>;

export interface ServerLimits {
  /** Connections at once; beyond it the one that has been idle longest is closed for a new one. */
  readonly connections: number;
  readonly bodyIdleMs: number;
  readonly uploadMs: number;
  readonly bodyMs: number;
  readonly lookMs: number;
}

/**
 * A quarter of the files that this process may have open, and 500 at most: the rest is for what it does for apps, so that a
 * crashed instance is started again however many clients wait.
 */
export function usualLimits(descriptors = apiDescriptors()): ServerLimits {
  const connections = Math.max(8, Math.min(500, Math.floor(descriptors / 4)));
  return { connections, bodyIdleMs, uploadMs, bodyMs, lookMs };
}

/** How many files this process may have open; where the system does not tell what POSIX promises at least. */
export function apiDescriptors(): number {
  return descriptorLimit() ?? 256;
}

/** Over the socket everything is allowed: whoever may open the file may do what the controller can. Faults: `usage.invalid`, `listen.in-use`. */
export async function serveSocket(fetch: Fetch, path: string, limits = usualLimits()): Promise<ApiServer> {
  if (Buffer.byteLength(path) > 107) {
    const hint = "Choose a shorter --state directory.";
    throw new Fault("usage.invalid", `the socket path is longer than the 107 bytes that Linux allows: ${path}`, {
      hint,
    });
  }
  // The lease says that nobody else serves this directory: what lies there is left over.
  rmSync(path, { force: true });
  const served = new LimitedServer(fetch, limits);
  await listening(served.server, path, () => served.server.listen(path));
  chmodSync(path, 0o600);
  return served;
}

/** Faults: `usage.invalid`, `listen.in-use`. */
export async function serveTcp(
  fetch: Fetch,
  address: { readonly host: string; readonly port: number },
  limits = usualLimits(),
): Promise<ApiServer> {
  const served = new LimitedServer(fetch, limits);
  const { server } = served;
  await listening(server, address, () => server.listen(address.port, address.host));
  return served;
}

/** A body that is still coming. */
interface Upload {
  readonly since: number;
  readonly limitMs: number;
  bytes: number;
  movedAt: number;
}

/**
 * A server that waits for nobody forever: a head has its time, a body as long as its bytes flow and at most a time of
 * its own, and connections are capped.
 */
class LimitedServer implements ApiServer {
  readonly server: Server;
  readonly #limits: ServerLimits;
  readonly #answering = new Set<Promise<unknown>>();
  /** Connections that wait for a request, the longest idle first. */
  readonly #idle = new Set<Socket>();
  readonly #open = new Set<Socket>();
  readonly #uploads = new Map<IncomingMessage, Upload>();
  readonly #upgrades: Upgrades;
  readonly #timer: NodeJS.Timeout;

  constructor(fetch: Fetch, limits: ServerLimits) {
    this.#limits = limits;
    const serverOptions = {
      headersTimeout: headersMs,
      requestTimeout: 0,
      connectionsCheckingInterval: lookMs,
      // Another protocol is an offer that a server may ignore (RFC 9110, section 7.8).
      shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket",
    };
    const most = Math.ceil(limits.connections / upgradedShare);
    this.#upgrades = new Upgrades(most, (...asked) => this.#answer(fetch(...asked)));
    this.server = createAdaptorServer({
      fetch: (request, { incoming }) => this.#answer(fetch(request, { address: incoming.socket.remoteAddress })),
      serverOptions,
    }) as Server;
    this.server.on("connection", (socket) => this.#connected(socket));
    this.server.on("request", (request: IncomingMessage, response) => {
      this.#idle.delete(request.socket);
      this.#uploads.set(request, begun(request, limits));
      request.once("close", () => this.#uploads.delete(request));
      response.once("close", () => {
        if (this.#open.has(request.socket)) this.#idle.add(request.socket);
      });
    });
    this.server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#idle.delete(socket);
      void this.#upgrades.take(request, socket, head);
    });
    this.#timer = setInterval(() => this.#look(), limits.lookMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    this.#upgrades.close();
    await closed;
    while (this.#answering.size > 0) await Promise.allSettled(this.#answering);
  }

  #answer(answer: Response | Promise<Response>): Promise<Response> {
    const promised = Promise.resolve(answer);
    this.#answering.add(promised);
    const done = (): void => void this.#answering.delete(promised);
    void Promise.allSettled([promised]).then(done);
    return promised;
  }

  #connected(socket: Socket): void {
    if (this.#open.size >= this.#limits.connections) this.#makeRoom(socket);
    if (socket.destroyed) return;
    this.#open.add(socket);
    this.#idle.add(socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#idle.delete(socket);
    });
  }

  /** For the new one: the longest idle goes, else the slowest body; when all wait for answers the new one is too many. */
  #makeRoom(fresh: Socket): void {
    const [idlest] = this.#idle;
    const victim = idlest ?? this.#slowest() ?? fresh;
    victim.destroy();
    this.#open.delete(victim);
    this.#idle.delete(victim);
  }

  /** The connection whose body came to least so far. */
  #slowest(): Socket | undefined {
    const coming = [...this.#uploads.keys()].filter((request) => !request.complete);
    return coming.sort((a, b) => a.socket.bytesRead - b.socket.bytesRead)[0]?.socket;
  }

  #look(): void {
    this.#upgrades.look();
    const now = performance.now();
    for (const [request, upload] of this.#uploads) {
      if (request.complete) continue;
      const bytes = request.socket.bytesRead;
      // What has come and was not read yet is this side's own slowness.
      if (bytes !== upload.bytes || request.readableLength > 0) upload.movedAt = now;
      upload.bytes = bytes;
      const isStuck = now - upload.movedAt > this.#limits.bodyIdleMs;
      if (isStuck || now - upload.since > upload.limitMs) request.socket.destroy();
    }
  }
}

function begun({ method, url, socket }: IncomingMessage, { uploadMs: whole, bodyMs: small }: ServerLimits): Upload {
  const now = performance.now();
  const isSource = method === "PUT" && (url ?? "").startsWith("/v1/sources/");
  return { since: now, limitMs: isSource ? whole : small, bytes: socket.bytesRead, movedAt: now };
}

/** A path, or an address. */
type Place = string | { readonly host: string; readonly port: number };

function listening(server: Server, place: Place, listen: () => void): Promise<void> {
  return new Promise((done, failed) => {
    server.once("error", (error) => failed(listenFault(error, place) ?? error));
    server.once("listening", done);
    listen();
  });
}

function listenFault(cause: Error, place: Place): Fault | null {
  if (isErrno(cause, "EADDRINUSE")) {
    const where = typeof place === "string" ? place : `${place.host}:${place.port}`;
    return new Fault("listen.in-use", `the API cannot be served at ${where}: another process listens there`, { cause });
  }
  const error = addressErrorOf(cause);
  if (error === null) return null;
  if (typeof place === "string") return new Fault("usage.invalid", `${place} cannot be created: ${error}`, { cause });
  const { detail, hint } = refusedAddress(error, place);
  return new Fault("usage.invalid", `the API cannot be served: ${detail}`, { hint, cause });
}
