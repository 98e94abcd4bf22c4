import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { Client, type ProgressMessage } from "./client.ts";
import { nodeTransport } from "./node.ts";

const key = { app: "shop", environment: "production" };

/** A server that is asked by a client; closes with the test. */
async function served(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    api: new Client(nodeTransport({ address: { url, token: "s3cret" } })),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail("it did not fail"),
    (error: unknown) => error,
  );
}

describe("a request", () => {
  test("that wants to be confirmed is asked about once, and sent again only then", async () => {
    const given: unknown[] = [];
    await using server = await served((request, response) => {
      given.push(request.headers["fairlead-confirm"]);
      const name = request.url?.includes("stop") ? "production" : "another";
      const isGiven = request.headers["fairlead-confirm"] === "production";
      request.resume().on("end", () => json(response, isGiven ? 200 : 409, { code: "confirm.needed", confirm: name }));
    });
    const address = { url: server.url, token: null };
    const asked: string[] = [];
    const api = new Client(nodeTransport({ address }), { confirm: async (_fault, name) => void asked.push(name) });
    await api.call("stop", { params: key });
    expect(await failure(api.call("changeScale", { params: key, body: { web: 1 } }))).toMatchObject({
      code: "confirm.needed",
    });
    expect([asked, given]).toEqual([
      ["production", "another"],
      [undefined, "production", undefined, "another"],
    ]);
    expect(await failure(server.api.call("stop", { params: key }))).toMatchObject({
      code: "confirm.needed",
      confirm: "production",
    });
  });

  test("is one of the contract, with the token and what it is asked with", async () => {
    const asked: string[] = [];
    await using server = await served(async (request, response) => {
      const { method, url, headers } = request;
      asked.push(`${method} ${url} ${headers.authorization} ${headers["if-match"] ?? "-"} ${await bodyOf(request)}`);
      response.setHeader("etag", '"8"');
      if (method === "DELETE") response.writeHead(204).end();
      else json(response, 200, { items: [] });
    });
    const { api } = server;
    const body = { set: { A: "1" } };
    expect(await api.tagged("changeVariables", { params: key, ifMatch: '"7"', body })).toEqual({
      etag: '"8"',
      answer: { items: [] },
    });
    expect(await api.call("releases", { params: key, query: { limit: 3 } })).toEqual({ items: [] });
    expect(await api.call("removeTask", { params: { ...key, task: "t" } })).toBe(undefined);
    const at = "/v1/apps/shop/environments/production";
    expect(asked).toEqual([
      `PATCH ${at}/variables Bearer s3cret "7" {"set":{"A":"1"}}`,
      `GET ${at}/releases?limit=3 Bearer s3cret - `,
      `DELETE ${at}/tasks/t Bearer s3cret - `,
    ]);
  });

  test("escapes names, so that none can become another path", async () => {
    const asked: (string | undefined)[] = [];
    await using server = await served((request, response) => {
      asked.push(request.url);
      json(response, 200, {});
    });
    await server.api.call("status", { params: { app: "../v1/doctor?x=", environment: "a/b#" } });
    expect(asked).toEqual(["/v1/apps/..%2Fv1%2Fdoctor%3Fx%3D/environments/a%2Fb%23/status"]);
  });

  test("repeats query members and leaves out what is not given", async () => {
    const asked: (string | undefined)[] = [];
    await using server = await served((request, response) => {
      asked.push(request.url);
      json(response, 200, { lines: [], next: 0 });
    });
    await server.api.call("logs", { params: key, query: { service: ["web", "worker"], grep: "a b&c" } });
    expect(asked[0]?.split("?")[1]).toBe("service=web&service=worker&grep=a+b%26c");
  });

  test("goes over a unix socket as well", async () => {
    const directory = mkdtempSync(path.join(tmpdir(), "fairlead-client-"));
    const socketPath = path.join(directory, "c.sock");
    const server = createServer((request, response) => json(response, 200, { path: request.url }));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    try {
      expect(await new Client(nodeTransport({ address: { socketPath } })).call("info")).toEqual({ path: "/v1/info" });
    } finally {
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true });
    }
  });

  test("streams an upload without holding it in memory", async () => {
    let bytes = 0;
    await using server = await served(async (request, response) => {
      for await (const chunk of request) bytes += chunk.length;
      response.writeHead(204).end();
    });
    const chunk = Buffer.alloc(64 * 1024);
    const upload = Readable.from(
      (function* () {
        for (let i = 0; i < 320; i += 1) yield chunk;
      })(),
    );
    await server.api.putSource("sha256:x", upload);
    expect(bytes).toBe(20 * 1024 * 1024);
  });
});

describe("a failure", () => {
  test("is the fault that the problem document tells of", async () => {
    const errors = [{ path: "services.web", message: "is wrong", file: "fairlead.yml", line: 3, column: 5 }];
    await using server = await served((_request, response) =>
      json(response, 422, { code: "manifest.invalid", detail: "2 faults", hint: "mend them", errors }),
    );
    expect(await failure(server.api.call("info"))).toMatchObject({
      code: "manifest.invalid",
      detail: "2 faults",
      hint: "mend them",
      diagnostics: errors,
    });
  });

  test("is told in words also where the answer has none, as to whether a source is there", async () => {
    await using server = await served((request, response) =>
      request.method === "HEAD"
        ? response.writeHead(401).end()
        : json(response, 401, {
            code: "access.unauthenticated",
            detail: "the token ci has expired",
            hint: "make another",
          }),
    );
    expect(await failure(server.api.hasSource(`sha256:${"0".repeat(64)}`))).toMatchObject({
      code: "access.unauthenticated",
      detail: "the token ci has expired",
      hint: "make another",
    });
  });

  test.each([
    [401, "access.unauthenticated"],
    [404, "path.unknown"],
    [412, "document.stale"],
    [418, "operation.failed"],
    [500, "operation.failed"],
  ])("with status %i and a code of the future, or none, is the nearest that is known", async (status, code) => {
    await using server = await served((request, response) =>
      request.url === "/v1/info"
        ? json(response, status, { code: "toString", detail: "d" })
        : response.writeHead(status).end(),
    );
    expect(await failure(server.api.call("info"))).toMatchObject({ code, detail: "d" });
    expect(await failure(server.api.call("doctor"))).toMatchObject({ code });
  });

  test("to connect is controller.unreachable and names the place", async () => {
    const nobody = new Client(nodeTransport({ address: { socketPath: "/nonexistent/controller.sock" } }));
    expect(await failure(nobody.call("info"))).toMatchObject({
      code: "controller.unreachable",
      detail: expect.stringContaining("/nonexistent/controller.sock"),
    });
    const url = await served(() => undefined).then(async (server) => {
      await server[Symbol.asyncDispose]();
      return server.url;
    });
    const refused = new Client(nodeTransport({ address: { url, token: null } }));
    expect(await failure(refused.call("info"))).toMatchObject({ code: "controller.unreachable" });
  });

  test("to answer in time, or in full, or in JSON, is told apart", async () => {
    await using server = await served((request, response) => {
      if (request.url === "/v1/doctor") response.writeHead(200, { "content-length": "99" }).write("{");
      if (request.url === "/v1/doctor") setImmediate(() => response.destroy());
      if (request.url === "/v1/environments") response.end("<html>");
    });
    const { url } = server;
    const hasty = new Client(nodeTransport({ address: { url, token: null }, timeoutMs: 50 }));
    expect(await failure(hasty.call("info"))).toMatchObject({ code: "controller.unreachable" });
    expect(await failure(server.api.call("doctor"))).toMatchObject({ code: "controller.unreachable" });
    expect(await failure(server.api.call("environments"))).toMatchObject({ code: "operation.failed" });
  });

  test("never shows the token", async () => {
    await using server = await served((_request, response) => response.destroy());
    const error = await failure(server.api.call("info"));
    expect(JSON.stringify([error, String(error)])).not.toContain("s3cret");
  });

  test("of a connection while a deployment is begun: it is sent again with the same key, once", async () => {
    const keys: unknown[] = [];
    await using server = await served(async (request, response) => {
      await bodyOf(request);
      keys.push(request.headers["idempotency-key"]);
      if (keys.length === 1) response.destroy();
      else json(response, 202, { deployment: { id: "dep_1" } });
    });
    const answer = await server.api.call("beginDeployment", { params: key, body: { kind: "rollback" } });
    expect(answer).toEqual({ deployment: { id: "dep_1" } });
    expect(keys).toHaveLength(2);
    expect(keys[0]).toBe(keys[1]);
  });

  test("of a connection while a deployment is begun: the controller that still begins it is asked until it has", async () => {
    let times = 0;
    await using server = await served(async (request, response) => {
      await bodyOf(request);
      times += 1;
      if (times === 1) response.destroy();
      else if (times === 2) json(response, 409, { code: "idempotency.in-flight", detail: "still under way" });
      else json(response, 202, { deployment: { id: "dep_1" } });
    });
    const answer = await server.api.call("beginDeployment", { params: key, body: { kind: "rollback" } });
    expect([answer, times]).toEqual([{ deployment: { id: "dep_1" } }, 3]);
  });

  test("an abort ends a request at once, with its own reason", async () => {
    await using server = await served(() => undefined);
    const { url } = server;
    const stop = new AbortController();
    const api = new Client(nodeTransport({ address: { url, token: null }, signal: stop.signal }));
    const waiting = failure(api.call("info"));
    stop.abort("enough");
    expect(await waiting).toBe("enough");
  });
});

describe("a stream", () => {
  function event(response: ServerResponse, message: { id?: number; event?: string; data: unknown }): void {
    const id = message.id === undefined ? "" : `id: ${message.id}\n`;
    response.write(`${id}event: ${message.event ?? "lines"}\ndata: ${JSON.stringify(message.data)}\n\n`);
  }

  test("goes on after the last message seen when the connection is lost", async () => {
    const seen: unknown[] = [];
    await using server = await served((request, response) => {
      seen.push(request.headers["last-event-id"]);
      response.writeHead(200, { "content-type": "text/event-stream" });
      if (seen.length === 2) return response.destroy();
      const from = Number(request.headers["last-event-id"] ?? 0);
      response.write(": ping\n\n");
      for (const id of [from + 1, from + 2]) event(response, { id, data: { lines: [{ sequence: id }] } });
      if (seen.length === 1) setImmediate(() => response.destroy());
    });
    const read: number[] = [];
    for await (const { data } of server.api.stream("logStream", { params: key, query: {} })) {
      read.push(...data.lines.map(({ sequence }) => sequence));
      if (read.length === 4) break;
    }
    expect(read).toEqual([1, 2, 3, 4]);
    expect(seen).toEqual([undefined, "2", "2"]);
  });

  test("of a deployment ends when it has ended, with the lines that explain it", async () => {
    let connections = 0;
    await using server = await served((_request, response) => {
      connections += 1;
      response.writeHead(200, { "content-type": "text/event-stream" });
      event(response, { event: "deployment", data: { deployment: { phase: connections === 1 ? "build" : "ended" } } });
      if (connections > 1) event(response, { event: "log", data: { lines: [{ message: "boom" }] } });
      response.end();
    });
    const messages: ProgressMessage[] = [];
    for await (const message of server.api.progress("dep_1")) messages.push(message);
    expect(messages).toMatchObject([
      { event: "deployment", data: { deployment: { phase: "build" } } },
      { event: "deployment", data: { deployment: { phase: "ended" } } },
      { event: "log", data: { lines: [{ message: "boom" }] } },
    ]);
  });

  test("that is refused is a fault at once; one that keeps breaking off with a fault is that fault", async () => {
    let connections = 0;
    await using server = await served((request, response) => {
      if (request.url?.startsWith("/v1/deployments")) return json(response, 404, { code: "deployment.unknown" });
      connections += 1;
      response.writeHead(200, { "content-type": "text/event-stream" });
      event(response, { event: "fault", data: { code: "journal.damaged", detail: "the log is damaged" } });
      response.end();
    });
    const progress = server.api.progress("dep_1");
    expect(await failure(progress.next())).toMatchObject({ code: "deployment.unknown" });
    const lines = server.api.stream("logStream", { params: key, query: {} });
    expect(await failure(lines.next())).toMatchObject({ code: "journal.damaged" });
    expect(connections).toBe(6);
  });

  test("stops at once when its signal fires", async () => {
    await using server = await served((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    });
    const stop = new AbortController();
    const waiting = failure(server.api.stream("logStream", { params: key, query: {} }, { signal: stop.signal }).next());
    stop.abort("enough");
    expect(await waiting).toBe("enough");
  });
});
