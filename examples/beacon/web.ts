import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { fault, instance, logJson, logText, onStop, version } from "./process.ts";
import { acceptEcho, type EchoSocket } from "./websocket.ts";

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

const streams = new Set<() => void>();
const sockets = new Set<EchoSocket>();
const startedAt = Date.now();
let stopping = false;
let served = false;

function send(response: ServerResponse, status: number, body: object | string): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = typeof body === "string" ? "text/plain; charset=utf-8" : "application/json";
  response.writeHead(status, { "content-type": type, "x-version": version, "x-instance": instance });
  response.end(text);
}

function numberOf(url: URL, name: string, most: number): number {
  const value = Number(url.searchParams.get(name) ?? 0);
  return Number.isFinite(value) ? Math.min(Math.max(0, Math.floor(value)), most) : 0;
}

const page: Handler = (_request, response) => {
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end(`<!doctype html><title>Beacon</title><h1>Beacon ${version}</h1><p>Answered by ${instance}.</p>\n`);
};

const ready: Handler = (_request, response) => {
  if (fault === "never-ready") return send(response, 503, { status: "starting" });
  send(response, 200, { status: fault === "degraded" ? "degraded" : "ready", version });
};

const health: Handler = (_request, response) => {
  if (fault === "hang" && Date.now() - startedAt > 8_000) return;
  send(response, 200, { status: "alive" });
};

/** One event every 200 ms; the counter lets a reader see that none is missing. */
const events: Handler = (_request, response) => {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", "x-version": version });
  let counter = 0;
  const tick = (): void => {
    counter += 1;
    response.write(`id: ${counter}\ndata: ${JSON.stringify({ counter, version, instance })}\n\n`);
  };
  const timer = setInterval(tick, 200);
  const end = (): void => {
    clearInterval(timer);
    streams.delete(end);
    response.end();
  };
  streams.add(end);
  response.once("close", end);
  tick();
};

const upload: Handler = (request, response) => {
  const hash = createHash("sha256");
  let length = 0;
  request.on("data", (bytes: Buffer) => {
    hash.update(bytes);
    length += bytes.length;
  });
  request.once("end", () => send(response, 200, { sha256: hash.digest("hex"), length, version }));
};

const handlers: Readonly<Record<string, Handler>> = {
  "GET /": page,
  "GET /version": (_request, response) => send(response, 200, version),
  "GET /ready": ready,
  "GET /health": health,
  "GET /events": events,
  "POST /upload": upload,
  "GET /slow": (_request, response, url) => {
    setTimeout(() => send(response, 200, version), numberOf(url, "ms", 60_000));
  },
  "GET /bytes": (_request, response, url) => send(response, 200, "b".repeat(numberOf(url, "n", 100_000_000))),
};

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://beacon");
  const probed = url.pathname === "/ready" || url.pathname === "/health";
  // So that no client keeps a connection to a process that is about to end.
  if (stopping) response.setHeader("connection", "close");
  if (!probed && !served) misbehaveServing();
  if (fault === "errors-after-switch" && !probed) {
    logText("ERROR", `cannot answer ${url.pathname}: the table "beacons" does not exist`);
    return send(response, 500, "broken\n");
  }
  const handler = handlers[`${request.method === "HEAD" ? "GET" : request.method} ${url.pathname}`];
  if (handler) handler(request, response, url);
  else send(response, 404, "not found\n");
});

server.on("upgrade", (request, socket) => {
  if (request.url !== "/echo" || stopping) return socket.destroy();
  const echo = acceptEcho(request, socket, () => echo && sockets.delete(echo));
  if (echo) sockets.add(echo);
});

/** Ends what never ends by itself, lets requests under way finish, and exits when the last connection is closed. */
function stop(): void {
  stopping = true;
  logJson("info", "stopping", { streams: streams.size, sockets: sockets.size });
  for (const end of [...streams]) end();
  for (const socket of sockets) socket.close(1001);
  server.close(() => {
    logJson("info", "stopped");
    process.exit(0);
  });
}

/** Faults that nobody sees before the switch: they begin with the first request of a user. */
function misbehaveServing(): void {
  served = true;
  if (fault === "crash-after-3s") {
    setTimeout(() => {
      logText("ERROR", "connection to the database lost");
      process.exit(1);
    }, 3_000);
  }
  if (fault === "leak") {
    const kept: Buffer[] = [];
    // 20 MB a second, filled so that it is really used; 1 GB at most, for machines without a limit.
    setInterval(() => kept.length < 500 && kept.push(Buffer.alloc(2_000_000, 1)), 100);
  }
}

function listen(port: number): void {
  server.once("error", (error: NodeJS.ErrnoException) => {
    // Two replicas with the wrong port must not be told apart by one of them crashing.
    if (fault === "wrong-port" && error.code === "EADDRINUSE") return listen(port + 1);
    logText("ERROR", `cannot listen on ${port}: ${error.code}`);
    process.exit(1);
  });
  server.listen(port, () => logJson("info", "listening", { port, version }));
}

if (fault === "exit-at-once") {
  logText("ERROR", "no configuration found in /etc/beacon.conf");
  process.exit(1);
}
onStop(stop);
const port = fault === "wrong-port" ? 5_001 : Number(process.env.PORT ?? 8_000);
logText("INFO", `version ${version} starts${fault === "" ? "" : ` with the fault ${fault}`}`);
setTimeout(() => listen(port), fault === "slow-start" ? 4_000 : 0);
