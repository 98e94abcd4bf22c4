import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { ProbeRequest, Prober } from "../../ports/prober.ts";
import { nobodysPort } from "../ports.ts";

type Http = Extract<ProbeRequest, { kind: "http" }>;

/** What every prober must do, tried against real servers. */
export function proberConformance(adapter: string, make: () => Prober): void {
  describe(`prober ${adapter}`, () => {
    const prober = make();
    const servers: Server[] = [];
    const sockets: Socket[] = [];

    async function listen(server: Server): Promise<number> {
      servers.push(server.on("connection", (socket: Socket) => sockets.push(socket)));
      await once(server.listen(0, "127.0.0.1"), "listening");
      return (server.address() as AddressInfo).port;
    }
    async function ask(answer: RequestListener, more: Partial<Http> = {}) {
      return prober.probe(asking(await listen(createServer(answer)), more));
    }
    const asking = (port: number, more: Partial<Http> = {}): Http => ({
      kind: "http",
      address: { host: "127.0.0.1", port },
      path: "/ready",
      host: "kairo.example.com",
      status: 200,
      json: [],
      timeoutMs: 60_000,
      ...more,
    });
    const json = (value: unknown) => (_: unknown, answer: { end(text: string): void }) =>
      answer.end(JSON.stringify(value));
    const healthy = { json: [{ path: ["status"], equals: "healthy" }] };

    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy();
      for (const server of servers.splice(0)) server.close();
    });

    test("the wanted status is good, and the request is what it should be", async () => {
      let seen: unknown;
      const answer = await ask((query, reply) => {
        seen = [query.method, query.url, query.headers.host];
        reply.end();
      });
      expect(answer).toEqual({ good: true, words: "GET /ready → 200", refused: false });
      expect(seen).toEqual(["GET", "/ready", "kairo.example.com"]);
    });

    test.each([503, 404, 204, 301])("the status %d where 200 is wanted is bad", async (status) => {
      const answer = await ask((_query, reply) => reply.writeHead(status).end());
      expect(answer).toEqual({ good: false, words: `GET /ready → ${status}`, refused: false });
    });

    test.each([
      [200, true],
      [204, true],
      [302, true],
      [399, true],
      [400, false],
      [500, false],
    ])("with any status wanted, %d is good: %s", async (status, good) => {
      expect((await ask((_query, reply) => reply.writeHead(status).end(), { status: null })).good).toBe(good);
    });

    test.each([
      [200, "", true],
      [404, "", true],
      [401, "", true],
      [400, "what is missing", true],
      [400, "<h1>Bad Request (400)</h1>", false],
      [403, "<h1>Blocked hosts: kairo.example.com</h1>", false],
      [403, "Blocked request. This host is not allowed.", false],
      [400, "Invalid host header", false],
      [400, "<p>Host &#39;kairo.example.com&#39; is not trusted.</p>", false],
      [403, "<h1>Forbidden</h1>", true],
      [500, "", false],
      [503, "", false],
    ])("with anything below 500 wanted, %d %j is good: %s", async (status, body, good) => {
      const answer = await ask((_query, reply) => reply.writeHead(status).end(body), { status: "below 500" });
      expect(answer.good).toBe(good);
      if (status < 500 && !good) expect(answer.words).toContain("refuses the host kairo.example.com");
    });

    test.each([200, null, "below 500"] as const)(
      "an app that sends to HTTPS is told that it is (%s)",
      async (status) => {
        const secure: RequestListener = ({ headers }, reply) =>
          reply.writeHead(headers["x-forwarded-proto"] === "https" ? 200 : 500).end("{}");
        expect((await ask(secure, { status })).good).toBe(true);
      },
    );

    test("a redirect is not followed", async () => {
      const asked: unknown[] = [];
      const answer = await ask((query, reply) => {
        asked.push(query.url);
        reply.writeHead(302, { Location: "/elsewhere" }).end();
      });
      expect(answer.good).toBe(false);
      expect(asked).toEqual(["/ready"]);
    });

    test("a condition on the body that holds is good", async () => {
      expect(await ask(json({ status: "healthy" }), healthy)).toMatchObject({ good: true, words: "GET /ready → 200" });
      const nested = { json: [{ path: ["services", "database"], equals: true }] };
      expect((await ask(json({ services: { database: true } }), nested)).good).toBe(true);
    });

    test.each([
      [{ status: "degraded" }, `status is "degraded", wanted "healthy"`],
      [{ status: true }, `status is true, wanted "healthy"`],
      [{}, `status is missing, wanted "healthy"`],
      [[], `status is missing, wanted "healthy"`],
      [null, `status is missing, wanted "healthy"`],
      [{ status: "x".repeat(90) }, `status is "${"x".repeat(38)}…, wanted "healthy"`],
    ])("a condition that does not hold is bad, in words: %j", async (body, words) => {
      expect(await ask(json(body), healthy)).toMatchObject({ good: false, words: `GET /ready → 200, ${words}` });
    });

    test("values of another type are not equal, and inherited members are none", async () => {
      expect((await ask(json({ n: "1" }), { json: [{ path: ["n"], equals: 1 }] })).good).toBe(false);
      const inherited = { json: [{ path: ["constructor", "name"], equals: "Object" }] };
      expect((await ask(json({}), inherited)).words).toContain("missing");
    });

    test("a body that is not JSON, or too large, is bad when there are conditions on it", async () => {
      expect((await ask((_, reply) => reply.end("fine"), healthy)).words).toBe(
        "GET /ready → 200, the body is not JSON",
      );
      const large = await ask(json({ status: "healthy", more: "x".repeat(70_000) }), healthy);
      expect(large).toMatchObject({ good: false, words: "GET /ready → 200, the body is larger than 64 KB" });
      expect((await ask((_, reply) => reply.end("x".repeat(70_000)))).good).toBe(true);
    });

    test("nobody there is told from a bad answer", async () => {
      const port = nobodysPort;
      const words = `GET /ready → nothing listens on 127.0.0.1:${port}`;
      expect(await prober.probe(asking(port))).toEqual({ good: false, words, refused: true });
      const tcp = { kind: "tcp", address: { host: "127.0.0.1", port }, timeoutMs: 60_000 } as const;
      expect(await prober.probe(tcp)).toMatchObject({ good: false, refused: true });
    });

    test.each([
      ["no headers", () => undefined, {}],
      ["half a body", (_: unknown, reply: { write(text: string): void }) => reply.write("{"), healthy],
    ])("an answer that does not come in time (%s) is bad", async (_what, answer, more) => {
      const said = await ask(answer as RequestListener, { ...more, timeoutMs: 150 });
      expect(said).toEqual({ good: false, words: "GET /ready → no answer within 150 ms", refused: false });
    });

    test("a connection that is closed, or speaks something else, is bad", async () => {
      const closing = await listen(createTcpServer((socket) => socket.destroy()));
      expect(await prober.probe(asking(closing))).toMatchObject({ good: false, refused: false });
      const talking = await listen(createTcpServer((socket) => socket.end("SSH-2.0-nothing\r\n\r\n")));
      expect((await prober.probe(asking(talking))).words).toBe("GET /ready → the answer is not HTTP");
    });

    test("what speaks first and something else is told at once, and so is a head without end", async () => {
      const greeting = await listen(createTcpServer((socket) => socket.write("220 mail ready\r\n")));
      expect((await prober.probe(asking(greeting))).words).toBe("GET /ready → the answer is not HTTP");
      const endless = createTcpServer((socket) => {
        socket.on("error", () => undefined).write(`HTTP/1.1 200 OK\r\nX-Long: ${"x".repeat(200_000)}`);
      });
      expect((await prober.probe(asking(await listen(endless)))).words).toBe("GET /ready → the answer is not HTTP");
    });

    test("an answer in small pieces, after interim ones, is read as one", async () => {
      const pieces = [
        "HT",
        "TP/1.1 102 Processing\r\n\r",
        "\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 2",
        "00\r\n\r\n",
      ];
      const server = createTcpServer(async (socket) => {
        socket.setNoDelay(true).on("error", () => undefined);
        await once(socket, "data");
        for (const piece of pieces) await new Promise<void>((sent) => socket.write(piece, () => setImmediate(sent)));
      });
      expect(await prober.probe(asking(await listen(server)))).toMatchObject({ good: true, words: "GET /ready → 200" });
    });

    test("a path or host that cannot be asked for is an answer and not an error", async () => {
      const port = await listen(createServer((_, reply) => reply.end()));
      expect((await prober.probe(asking(port, { path: "/a b\n" }))).good).toBe(false);
      expect((await prober.probe(asking(port, { host: "a\r\nX-Evil: 1" }))).good).toBe(false);
    });

    test("TCP is good when the connection is taken", async () => {
      const port = await listen(createTcpServer());
      const answer = await prober.probe({ kind: "tcp", address: { host: "127.0.0.1", port }, timeoutMs: 60_000 });
      expect(answer).toEqual({ good: true, words: `TCP → 127.0.0.1:${port} accepts connections`, refused: false });
    });

    test("every probe has a connection of its own and leaves none open", async () => {
      let [opened, open] = [0, 0];
      const server = createServer((_, reply) => reply.end()).on("connection", (socket) => {
        opened += 1;
        open += 1;
        socket.once("close", () => (open -= 1));
      });
      const port = await listen(server);
      for (let probes = 0; probes < 3; probes += 1) await prober.probe(asking(port));
      await expect.poll(() => open).toBe(0);
      expect(opened).toBe(3);
    });
  });
}
