import { once } from "node:events";
import { request } from "node:http";
import { expect } from "vitest";
import type { AccessRecord } from "../../model/route.ts";
import { nobodysPort } from "../ports.ts";
import { ask, dial, type EdgeCase, oneRoute, raw, sayingApp, seen, type TestApp, testApp } from "./edge-rig.ts";

const limits = { bodyBytes: 1_000, rate: null };

/** An app that reads bodies to their end. */
function takingApp(): Promise<TestApp> {
  return testApp((req, res) => {
    req.on("error", () => undefined);
    req.resume().on("end", () => res.end("taken"));
  });
}

export const limitCases: readonly EdgeCase[] = [
  [
    "a body over the limit is 413 at once when its length is announced",
    async ({ edge, url }) => {
      await using app = await takingApp();
      await edge.apply(oneRoute("large/x", { hosts: ["large.test"], upstreams: [app.upstream("large-1")], limits }));
      expect((await ask(url, { host: "large.test", method: "POST", body: "x".repeat(1_000) })).text).toBe("taken");
      expect((await ask(url, { host: "large.test", method: "POST", body: "x".repeat(1_001) })).status).toBe(413);
    },
  ],
  [
    "a body over the limit whose length is not announced is 413 as soon as it is seen",
    async ({ edge, url }) => {
      await using app = await takingApp();
      // More than any buffer holds, so that its head is long gone when it is seen.
      const bodyBytes = 100_000;
      const upstreams = [app.upstream("long-1")];
      await edge.apply(oneRoute("stream/x", { hosts: ["long.test"], upstreams, limits: { bodyBytes, rate: null } }));
      const headers = { "transfer-encoding": "chunked" };
      const send = (bytes: number) => ask(url, { host: "long.test", method: "POST", headers, body: "x".repeat(bytes) });
      expect((await send(bodyBytes)).text).toBe("taken");
      expect((await send(bodyBytes + 1)).status).toBe(413);
      const { hostname, port } = new URL(url);
      const options = { hostname, port, method: "POST", agent: false, headers: { host: "long.test" } };
      const unending = request(options).on("error", () => undefined);
      for (let i = 0; i < 15; i += 1) unending.write("x".repeat(10_000));
      const [answer] = await once(unending, "response");
      expect(answer.statusCode).toBe(413);
      unending.destroy();
    },
  ],
  [
    "a client over its rate is 429 with Retry-After; another route is not touched",
    async ({ edge, url }) => {
      await using app = await sayingApp("fine");
      const rate = { requests: 1, windowMs: 60_000, burst: 3 };
      const upstreams = [app.upstream("rate-1")];
      await edge.apply(oneRoute("rate/x", { hosts: ["rate.test"], upstreams, limits: { bodyBytes: 1_000, rate } }));
      await edge.apply(oneRoute("rate/y", { hosts: ["norate.test"], upstreams: [app.upstream("rate-2")] }));
      const statuses: number[] = [];
      for (let i = 0; i < 5; i += 1) statuses.push((await ask(url, { host: "rate.test" })).status);
      expect(statuses).toEqual([200, 200, 200, 429, 429]);
      expect(Number((await ask(url, { host: "rate.test" })).headers["retry-after"])).toBeGreaterThan(30);
      expect((await ask(url, { host: "norate.test" })).status).toBe(200);
    },
  ],
  [
    "an app that sends nothing for the route's timeout is 504; one that goes on sending is not cut",
    async ({ edge, url }) => {
      let isOver = false;
      await using app = await testApp((req, res) => {
        if (req.url === "/silent") return;
        const timer = setInterval(() => {
          if (!isOver) return void res.write("tick ");
          clearInterval(timer);
          res.end("end");
        }, 50);
      });
      const route = { hosts: ["late.test"], upstreams: [app.upstream("late-1")], timeoutMs: 2_000 };
      await edge.apply(oneRoute("late/x", route));
      const steady = ask(url, { host: "late.test", path: "/steady" });
      expect((await ask(url, { host: "late.test", path: "/silent" })).status).toBe(504);
      // The one that was asked before has lasted longer by now.
      isOver = true;
      expect((await steady).text).toMatch(/^(tick )+end$/);
      const { stats } = await edge.observe("late/x");
      expect(stats["late-1"]).toMatchObject({ requests: 2, failures: 1, active: 0 });
    },
  ],
  [
    "a client that goes away frees the app and is recorded as 499",
    async ({ edge, url }) => {
      const gone = Promise.withResolvers<void>();
      await using app = await testApp((_req, res) => void res.once("close", gone.resolve));
      await edge.apply(
        oneRoute("gone/x", { hosts: ["gone.test"], upstreams: [app.upstream("gone-1")], timeoutMs: 300_000 }),
      );
      const records: AccessRecord[] = [];
      const stop = edge.records((batch) => records.push(...batch));
      const socket = await dial(url);
      socket.write("GET / HTTP/1.1\r\nHost: gone.test\r\n\r\n");
      const active = () => edge.observe("gone/x").then(({ stats }) => stats["gone-1"]?.active);
      await seen(active, (count) => count === 1);
      socket.destroy();
      await gone.promise;
      await seen(active, (count) => count === 0);
      const record = await seen(
        () => records.find((found) => found.owner === "gone/x"),
        (found) => found !== undefined,
      );
      stop();
      expect(record?.status).toBe(499);
      expect((await edge.observe("gone/x")).stats["gone-1"]?.failures).toBe(0);
    },
  ],
  [
    "an app that refuses, dies before its answer or in the middle of it: 502 or a cut, counted as a failure",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => {
        if (req.url === "/before") req.socket.destroy();
        else if (req.url === "/500") res.writeHead(500).end("own page");
        else {
          res.writeHead(200, { "content-length": "100" }).write("half");
          setImmediate(() => setImmediate(() => req.socket.destroy()));
        }
      });
      const upstream = app.upstream("dies-1");
      await edge.apply(oneRoute("dies/x", { hosts: ["dies.test"], upstreams: [upstream] }));
      expect((await ask(url, { host: "dies.test", path: "/before" })).status).toBe(502);
      expect((await ask(url, { host: "dies.test", path: "/500" })).text).toBe("own page");
      await expect(ask(url, { host: "dies.test", path: "/middle" })).rejects.toThrow();
      const failures = () => edge.observe("dies/x").then(({ stats }) => stats["dies-1"]?.failures);
      expect(await seen(failures, (count) => count === 3)).toBe(3);
      app.server.closeAllConnections();
      await new Promise((resolve) => app.server.close(resolve));
      expect((await ask(url, { host: "dies.test" })).status).toBe(502);
    },
  ],
  [
    "a request that may have reached an app is not sent again",
    async ({ edge, url }) => {
      let posts = 0;
      await using app = await testApp((req, res) => {
        if (req.method === "GET") return void res.end("warm");
        posts += 1;
        req.socket.destroy();
      });
      await using other = await testApp((req, res) => {
        if (req.method === "POST") posts += 1;
        res.end("other");
      });
      const upstreams = [app.upstream("once-1", { weight: 1000 }), other.upstream("once-2", { weight: 1 })];
      await edge.apply(oneRoute("once/x", { hosts: ["once.test"], upstreams }));
      expect((await ask(url, { host: "once.test" })).text).toBe("warm");
      expect((await ask(url, { host: "once.test", method: "POST", body: "pay" })).status).toBe(502);
      expect(posts).toBe(1);
    },
  ],
  [
    "an upstream that takes no connection is passed over for one that does, with the body intact",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => void req.pipe(res));
      const upstreams = [app.upstream("over-1", { port: nobodysPort }), app.upstream("over-2")];
      await edge.apply(oneRoute("over/x", { hosts: ["over.test"], upstreams }));
      for (let i = 0; i < 6; i += 1) {
        const answer = await ask(url, { host: "over.test", method: "POST", body: `body ${i}` });
        expect([answer.status, answer.text]).toEqual([200, `body ${i}`]);
      }
      expect((await edge.observe("over/x")).stats["over-1"]?.failures).toBeGreaterThan(0);
    },
  ],
  [
    "an app that closes its idle connections costs no request",
    async ({ edge, url }) => {
      await using app = await testApp((_req, res) => {
        res.end("fine");
        const socket = res.socket;
        // Without a word and at varying moments, as an app with a short keep-alive time does.
        setTimeout(() => socket?.destroy(), Math.random() * 4);
      });
      await edge.apply(oneRoute("idle/x", { hosts: ["idle.test"], upstreams: [app.upstream("idle-1")] }));
      const statuses = new Map<number, number>();
      const client = async () => {
        for (let i = 0; i < 100; i += 1) {
          const { status } = await ask(url, { host: "idle.test" });
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: 8 }, client));
      const { failures } = (await edge.observe("idle/x")).stats["idle-1"] ?? {};
      // The app may also cut a request that is under way; only then, and never for an idle connection, may one fail.
      expect(statuses.get(200)).toBe(800);
      expect(failures).toBe(0);
    },
  ],
  [
    "headers over 16 KB are 431 and a client that dribbles its headers is cut",
    async ({ edge, url }) => {
      await using app = await sayingApp("fine");
      await edge.apply(oneRoute("heads/x", { hosts: ["heads.test"], upstreams: [app.upstream("heads-1")] }));
      const large = `GET / HTTP/1.1\r\nHost: heads.test\r\nX-Large: ${"x".repeat(20_000)}\r\n\r\n`;
      expect(await raw(url, large)).toMatch(/^HTTP\/1\.1 431 /);
      const slow = await dial(url);
      slow.resume().write("GET / HTTP/1.1\r\nHost: heads.test\r\n");
      const timer = setInterval(() => slow.write("X-A: b\r\n"), 500);
      const started = performance.now();
      await once(slow, "close");
      clearInterval(timer);
      expect(performance.now() - started).toBeLessThan(20_000);
    },
  ],
  [
    "an answer that comes before the body was sent reaches the client, and the connection stays in step",
    async ({ edge, url }) => {
      await using app = await testApp((_req, res) => res.writeHead(401).end("who are you"));
      await edge.apply(oneRoute("early/x", { hosts: ["early.test"], upstreams: [app.upstream("early-1")] }));
      const answer = await new Promise<number | undefined>((resolve, reject) => {
        const { hostname, port } = new URL(url);
        const headers = { host: "early.test", "content-length": "100000" };
        const outgoing = request({ hostname, port, method: "POST", headers, agent: false });
        outgoing.once("error", reject);
        outgoing.once("response", (response) => {
          outgoing.destroy();
          resolve(response.statusCode);
        });
        outgoing.write("x");
      });
      expect(answer).toBe(401);
    },
  ],
];
