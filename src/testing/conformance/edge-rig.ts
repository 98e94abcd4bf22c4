import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener, request, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { plainRules } from "../../model/release.ts";
import { type FrontProxies, type Route, type RouteTable, routeTable, type Upstream } from "../../model/route.ts";
import type { Edge } from "../../ports/edge.ts";

/** An edge of the adapter under test, its own directory and port, gone when disposed of. */
export interface EdgeUnderTest extends AsyncDisposable {
  readonly edge: Edge;
  /** Where it takes traffic, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Ends the edge as `kill -9` does; `edge.ensure()` afterwards starts it again. */
  crash(): Promise<void>;
}

export interface TestApp extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  upstream(id: string, more?: Partial<Upstream>): Upstream;
}

/** A real app on a real port. */
export async function testApp(listener: RequestListener): Promise<TestApp> {
  // Asked after a pause of the whole process, an app that keeps connections for 5 s only would close them unanswered.
  const server = createServer({ keepAliveTimeout: 0 }, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    server,
    port,
    upstream: (id, more) => ({ id, release: 1, host: "127.0.0.1", port, weight: 1, ...more }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An app that answers every request with this text. */
export function sayingApp(text: string): Promise<TestApp> {
  return testApp((_req, res) => res.end(text));
}

/** A table with one route, as most tests need it. */
export function oneRoute(owner: string, route: Partial<Route> & Pick<Route, "hosts" | "upstreams">): RouteTable {
  const limits = { bodyBytes: 1024 * 1024, rate: null };
  const rules = { ...plainRules, timeoutMs: 60_000, limits };
  return routeTable(owner, [{ ...rules, service: "web", holdMs: null, inside: null, maintenance: null, ...route }]);
}

export interface RigAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface RigRequest {
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  /** The own address to ask from. */
  readonly from?: string | undefined;
}

/** One request on a connection of its own. Rejects when it is cut; nobody has to wait for that. */
export function ask(
  url: string,
  { host, path = "/", method = "GET", headers = {}, body, from }: RigRequest,
): Promise<RigAnswer> {
  const { hostname, port } = new URL(url);
  const answered = new Promise<RigAnswer>((resolve, reject) => {
    const local = from === undefined ? {} : { localAddress: from };
    const outgoing = request({ hostname, port, path, method, headers: { host, ...headers }, agent: false, ...local });
    outgoing.once("error", reject);
    outgoing.once("response", (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.once("error", reject);
      answer.once("end", () => {
        const all = Buffer.concat(chunks);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: all, text: all.toString() });
      });
    });
    outgoing.end(body);
  });
  answered.catch(() => undefined);
  return answered;
}

/** A bare connection to the edge. */
export async function dial(url: string, from = "127.0.0.1"): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, localAddress: from });
  socket.on("error", () => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** Sends bytes as they are and gives back all that comes until the edge closes the connection. */
export async function raw(url: string, text: string, from?: string): Promise<string> {
  const socket = await dial(url, from);
  let answer = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    answer += chunk;
  });
  socket.write(text, "latin1");
  // Not `once`: a connection that is reset is closed too.
  await new Promise((resolve) => socket.on("close", resolve));
  return answer;
}

/** The next bytes on a connection. Read, not listened for: an event between two listeners would be lost. */
export async function nextText(socket: Socket): Promise<string> {
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) return chunk.toString("latin1");
    await once(socket, "readable");
  }
}

/** All that comes on a connection until it has this in it: what was sent as one may come in several pieces. */
export async function textUntil(socket: Socket, wanted: RegExp): Promise<string> {
  let text = "";
  while (!wanted.test(text)) text += await nextText(socket);
  return text;
}

/** Waits until something can be seen; the test's own time limit is the deadline. */
export async function seen<T>(look: () => T | Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (good(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** One promise of the port: its sentence, and how it is checked against a running edge. */
export type EdgeCase = readonly [name: string, check: (under: EdgeUnderTest) => Promise<void>];

/** The same for an edge that stands behind proxies. */
export type ProxiedEdgeCase = readonly [name: string, proxies: FrontProxies, check: EdgeCase[1]];
