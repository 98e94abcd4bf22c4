import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { startChild } from "../../../src/host/child.ts";
import { ownPort } from "../../../src/testing/ports.ts";
import { type Load, type LoadOptions, type Report, startLoad } from "./load.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

const nothing = { host: "web.beacon.localhost", connections: 0, streams: 0, sockets: 0, uploads: 0 };

function loadOn(port: number, options: Partial<LoadOptions>) {
  return startLoad({ url: `http://127.0.0.1:${port}`, ...nothing, ...options });
}

async function serve(listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** Starts the web service of examples/beacon and waits until it listens. */
async function beacon(env: Record<string, string> = {}) {
  const port = await ownPort();
  const directory = join(import.meta.dirname, "../../../examples/beacon");
  const child = startChild([process.execPath, join(directory, "web.ts")], {
    cwd: directory,
    env: { PORT: String(port), BEACON_VERSION: "seven", ...env },
  });
  const exited = once(child, "exit");
  cleanups.push(() => {
    child.kill("SIGKILL");
    return exited;
  });
  while (!(await answers(port))) await pause(20);
  return { child, port };
}

/** Waits until a load has seen so much; the test's own time limit is the deadline. */
async function seen(load: Load, holds: (report: Report) => boolean): Promise<void> {
  while (!holds(load.report())) await pause(20);
}

/** So many streams and sockets are open, and carry something. */
const isOpen =
  (count: number) =>
  ({ streams, sockets }: Report): boolean =>
    [streams, sockets].every(({ opened, messages }) => opened === count && messages >= count);

function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).then((up) => {
    socket.destroy();
    return up === true;
  });
}

describe("on a healthy app", () => {
  test("nothing fails, and all that was answered is counted", async () => {
    const { port } = await beacon();
    const begun = performance.now();
    const load = loadOn(port, { connections: 4, ratePerSecond: 300, streams: 2, sockets: 2, uploads: 1 });
    await seen(load, ({ requests, streams, sockets, uploads }) => {
      return requests > 300 && streams.messages > 6 && sockets.messages > 4 && uploads.sent > 3;
    });
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(report.failed).toBe(0);
    // The machine may be busy, but it never sends more than asked for.
    expect(report.requests).toBeLessThanOrEqual((300 * (performance.now() - begun)) / 1_000);
    expect(report.versionsSeen.seven?.requests).toBe(report.requests);
    expect(report.streams).toMatchObject({ opened: 2, drained: 0, brokenEarly: 0 });
    expect(report.sockets).toMatchObject({ opened: 2, drained: 0, brokenEarly: 0 });
    expect(report.p50).toBeGreaterThan(0);
    expect(report.p99).toBeGreaterThanOrEqual(report.p50);
    expect(report.max).toBeGreaterThanOrEqual(report.p99);
  });

  test("streams and sockets that end cleanly on SIGTERM count as drained", async () => {
    const { child, port } = await beacon();
    const load = loadOn(port, { streams: 3, sockets: 3 });
    await seen(load, isOpen(3));
    child.kill("SIGTERM");
    await once(child, "exit");
    const report = await load.stop();
    expect(child.exitCode).toBe(0);
    // What comes back after the end finds nobody; only that may be among the failures.
    expect(report.failures.filter(({ what }) => !what.endsWith("ECONNREFUSED"))).toEqual([]);
    expect(report.streams).toMatchObject({ opened: 3, drained: 3 });
    expect(report.sockets).toMatchObject({ opened: 3, drained: 3 });
  });

  test("a killed app is seen as broken", async () => {
    const { child, port } = await beacon();
    const load = loadOn(port, { connections: 2, ratePerSecond: 100, streams: 1, sockets: 1, uploads: 1 });
    await seen(load, isOpen(1));
    child.kill("SIGKILL");
    await once(child, "exit");
    const kinds = [/^(idle )?connection/, /^stream: /, /^socket: /, /^upload: /];
    await seen(load, ({ failures }) => kinds.every((kind) => failures.some(({ what }) => kind.test(what))));
    const report = await load.stop();
    expect(report.streams.drained + report.sockets.drained).toBe(0);
  });

  test("without a rate every connection sends as soon as it is answered", async () => {
    const { port } = await serve((_request, response) => response.end("one"));
    const load = loadOn(port, { connections: 2 });
    await seen(load, ({ requests }) => requests > 100);
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(report.versionsSeen.one?.requests).toBe(report.requests);
  });
});

describe("on an app that breaks its word", () => {
  test("a reused connection that is reset counts as one failed request", async () => {
    let seen = 0;
    const { port } = await serve((request, response) => {
      seen += 1;
      if (seen === 2) request.socket.resetAndDestroy();
      else response.end("one");
    });
    const load = loadOn(port, { connections: 1, ratePerSecond: 50 });
    while (seen < 5) await pause(5);
    const report = await load.stop();
    expect(report.failures.map(({ what }) => what)).toEqual(["connection failed: ECONNRESET"]);
    expect(report.requests).toBe(seen);
  });

  test("a reset while the connection is idle counts too, a clean close does not", async () => {
    let seen = 0;
    const { port } = await serve((request, response) => {
      seen += 1;
      response.end("one");
      if (seen === 1) response.once("close", () => setImmediate(() => request.socket.resetAndDestroy()));
      if (seen === 2) response.once("close", () => setImmediate(() => request.socket.end()));
    });
    const load = loadOn(port, { connections: 1, ratePerSecond: 4 });
    while (seen < 4) await pause(5);
    const report = await load.stop();
    expect(report.failures.map(({ what }) => what)).toEqual(["idle connection failed: ECONNRESET"]);
  });

  test("a status of 500, an answer that is cut and a closed connection are failures", async () => {
    let seen = 0;
    const { port } = await serve((request, response) => {
      seen += 1;
      if (seen === 1) return response.writeHead(500).end("broken");
      if (seen === 2)
        return response.writeHead(200, { "content-length": 100 }).write("half", () => request.socket.end());
      if (seen === 3) return request.socket.end();
      // Answers that are chunked, that end the connection, and that end with it.
      if (seen === 5) response.removeHeader("transfer-encoding");
      response.writeHead(200, { connection: seen % 2 ? "close" : "keep-alive" }).write("o");
      response.end("ne");
    });
    const load = loadOn(port, { connections: 1, ratePerSecond: 100 });
    while (seen < 8) await pause(5);
    const report = await load.stop();
    expect(report.failures.map(({ what }) => what)).toEqual([
      "GET /version → 500",
      "connection closed before the answer",
      "connection closed before the answer",
    ]);
    expect(Object.keys(report.versionsSeen)).toEqual(["one"]);
  });

  test("a stream that is cut or misses an event is broken, one that is ended is drained", async () => {
    let seen = 0;
    const { port } = await serve((request, response) => {
      seen += 1;
      const event = (counter: number): string => `data: {"counter":${counter}}\n\n`;
      if (seen === 4) response.removeHeader("transfer-encoding");
      response.writeHead(200, { "content-type": "text/event-stream" }).write(event(1));
      if (seen === 1) response.write(event(2), () => request.socket.destroy());
      if (seen === 2) response.write(event(3));
      if (seen === 3 || seen === 4) response.end(event(2));
    });
    const load = loadOn(port, { streams: 1 });
    while (seen < 5) await pause(5);
    const report = await load.stop();
    expect(report.failures.map(({ what }) => what)).toEqual([
      expect.stringMatching(/^stream: cut/),
      "stream: event 3 came after 1",
      "stream: cut",
    ]);
    expect(report.streams).toMatchObject({ drained: 1, brokenEarly: 3 });
  });

  test("a socket that is cut or echoes something else is broken, one that says goodbye is drained", async () => {
    let seen = 0;
    const { server, port } = await serve((_request, response) => response.end());
    new WebSocketServer({ server }).on("connection", (socket) => {
      seen += 1;
      if (seen === 1) socket.on("message", () => socket.terminate());
      if (seen === 2) socket.on("message", () => socket.send("something else"));
      if (seen === 3) socket.on("message", () => socket.close(1001));
    });
    const load = loadOn(port, { sockets: 1 });
    while (seen < 4) await pause(5);
    const report = await load.stop();
    expect(report.failures.map(({ what }) => what)).toEqual(["socket: closed with 1006", "socket: echo 1 is wrong"]);
    expect(report.sockets).toMatchObject({ drained: 1, brokenEarly: 2 });
  });

  test("an upload that arrives damaged fails", async () => {
    let seen = 0;
    const { port } = await serve((request, response) => {
      request.resume().once("end", () => {
        seen += 1;
        response.end(JSON.stringify({ sha256: "0".repeat(64), length: 131_072 }));
      });
    });
    const load = loadOn(port, { uploads: 1 });
    while (seen < 2) await pause(5);
    const report = await load.stop();
    expect(report.uploads.failed).toBe(report.uploads.sent);
    expect(report.failures[0]?.what).toBe("upload: the digest is wrong");
  });
});
