import { once } from "node:events";
import { request } from "node:http";
import { expect } from "vitest";
import { type CorsPolicy, plainRules } from "../../model/release.ts";
import type { AccessRecord, Route } from "../../model/route.ts";
import { ask, dial, type EdgeCase, nextText, oneRoute, type RigAnswer, sayingApp, seen, testApp } from "./edge-rig.ts";

const listed = "https://godo.app";
const policy: CorsPolicy = {
  origins: [listed, "https://api.godo.app"],
  methods: ["GET", "POST"],
  headers: ["Authorization", "Content-Type"],
  expose: ["X-Total-Count"],
  credentials: true,
  maxAgeS: 600,
};

const browser = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
const question = { "access-control-request-method": "POST", "access-control-request-headers": "content-type" };

/** What an answer says about CORS. */
function corsOf({ headers }: RigAnswer): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("access-control-")));
}

/** An app that has CORS words of its own in every answer, and remembers who asked. */
async function talkativeApp() {
  const methods: (string | undefined)[] = [];
  const app = await testApp((req, res) => {
    methods.push(req.method);
    res.setHeader("access-control-allow-origin", "https://of-the-app.test");
    res.setHeader("access-control-allow-credentials", "true");
    res.setHeader("access-control-allow-methods", "TRACE");
    res.setHeader("vary", "Accept-Language");
    res.end("of the app");
  });
  return { ...app, methods };
}

const corsCases: readonly EdgeCase[] = [
  [
    "CORS: a preflight is answered by the edge, for listed origins only; any other OPTIONS reaches the app",
    async ({ edge, url }) => {
      await using app = await talkativeApp();
      await edge.apply(oneRoute("pre/x", { hosts: ["pre.test"], upstreams: [app.upstream("pre-1")], cors: policy }));
      const options = (headers: Record<string, string>) => ask(url, { host: "pre.test", method: "OPTIONS", headers });
      const good = await options({ origin: listed, ...question });
      expect([good.status, good.text]).toEqual([204, ""]);
      expect(corsOf(good)).toEqual({
        "access-control-allow-origin": listed,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "Authorization, Content-Type",
        "access-control-expose-headers": "X-Total-Count",
        "access-control-max-age": "600",
      });
      expect(good.headers.vary).toMatch(/\borigin\b/i);
      for (const origin of ["https://evil.test", "http://godo.app", "https://godo.app.evil.test", "null"]) {
        const bad = await options({ origin, ...question });
        expect([bad.status, corsOf(bad)], origin).toEqual([403, {}]);
        expect(bad.headers.vary).toMatch(/\borigin\b/i);
      }
      expect(app.methods).toEqual([]);
      expect((await options({ origin: listed })).text).toBe("of the app");
      expect((await options(question)).text).toBe("of the app");
      expect(app.methods).toEqual(["OPTIONS", "OPTIONS"]);
    },
  ],
  [
    "CORS: in every answer the policy stands in the place of the app's own words, also in the edge's own answers",
    async ({ edge, url }) => {
      await using app = await talkativeApp();
      const upstreams = [app.upstream("cors-1")];
      await edge.apply(oneRoute("cors/x", { hosts: ["cors.test"], upstreams, cors: policy }));
      const get = (headers: Record<string, string>) => ask(url, { host: "cors.test", headers });
      const allowed = {
        "access-control-allow-origin": listed,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Total-Count",
      };
      const good = await get({ origin: listed });
      expect([good.text, corsOf(good)]).toEqual(["of the app", allowed]);
      for (const headers of [{ origin: "https://evil.test" }, { origin: "https://of-the-app.test" }, {}]) {
        const bad = await get(headers);
        expect([bad.text, corsOf(bad)]).toEqual(["of the app", {}]);
        expect(bad.headers.vary).toMatch(/accept-language/i);
        expect(bad.headers.vary).toMatch(/\borigin\b/i);
      }
      await edge.apply(oneRoute("cors/x", { hosts: ["cors.test"], upstreams: [], cors: policy }));
      const own = await get({ origin: listed });
      expect([own.status, corsOf(own)]).toEqual([503, allowed]);
    },
  ],
  [
    "CORS: with origin * any page may call, without credentials",
    async ({ edge, url }) => {
      await using app = await talkativeApp();
      const cors = { ...policy, origins: ["*"], credentials: false, expose: [] };
      await edge.apply(oneRoute("any/x", { hosts: ["any.test"], upstreams: [app.upstream("any-1")], cors }));
      const answer = await ask(url, { host: "any.test", headers: { origin: "https://who.test" } });
      expect(corsOf(answer)).toEqual({ "access-control-allow-origin": "*" });
      const asked = { origin: "https://who.test", ...question };
      const preflight = await ask(url, { host: "any.test", method: "OPTIONS", headers: asked });
      expect([preflight.status, preflight.headers["access-control-allow-origin"]]).toEqual([204, "*"]);
    },
  ],
  [
    "CORS: without a policy preflights and answers pass untouched (R277)",
    async ({ edge, url }) => {
      await using app = await talkativeApp();
      await edge.apply(oneRoute("nocors/x", { hosts: ["nocors.test"], upstreams: [app.upstream("nocors-1")] }));
      const headers = { origin: listed, ...question };
      const preflight = await ask(url, { host: "nocors.test", method: "OPTIONS", headers });
      expect([preflight.text, preflight.headers["access-control-allow-methods"]]).toEqual(["of the app", "TRACE"]);
      const answer = await ask(url, { host: "nocors.test", headers: { origin: listed } });
      expect(answer.headers["access-control-allow-origin"]).toBe("https://of-the-app.test");
      expect(answer.headers.vary).toBe("Accept-Language");
    },
  ],
];

const placeCases: readonly EdgeCase[] = [
  [
    "requests for other hosts are sent to the canonical one with 308, path and query kept; challenges are not",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => res.end(`${req.method} ${req.url}`));
      const hosts = ["www.canon.test", "canon.test", "*.old.test"];
      const upstreams = [app.upstream("canon-1")];
      await edge.apply(oneRoute("canon/x", { hosts, upstreams, canonical: "www.canon.test" }));
      const path = "/a%2Fb//c?x=%20&&=y";
      for (const [host, expected] of [
        ["canon.test", "http://www.canon.test"],
        ["canon.test:8080", "http://www.canon.test:8080"],
        ["CANON.test.", "http://www.canon.test"],
        ["a.old.test", "http://www.canon.test"],
      ] as const) {
        const answer = await ask(url, { host, path, method: "POST", body: "pay" });
        expect([answer.status, answer.headers.location], host).toEqual([308, `${expected}${path}`]);
      }
      for (const host of ["www.canon.test", "WWW.canon.test:80"]) {
        expect((await ask(url, { host, path })).text).toBe(`GET ${path}`);
      }
      const challenge = "/.well-known/acme-challenge/token";
      expect((await ask(url, { host: "canon.test", path: challenge })).text).toBe(`GET ${challenge}`);
    },
  ],
  [
    "plain HTTP is served, and says so, where there is no certificate for the host, whatever the route wishes",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => res.end(req.headers["x-forwarded-proto"]));
      const upstreams = [app.upstream("plain-1")];
      for (const https of ["redirect", "both"] as const) {
        await edge.apply(oneRoute("plain/x", { hosts: ["plain.test"], upstreams, https, headers: "secure" }));
        const answer = await ask(url, { host: "plain.test" });
        expect([answer.status, answer.text]).toEqual([200, "http"]);
        expect(answer.headers["strict-transport-security"]).toBeUndefined();
      }
    },
  ],
  [
    "the app is told the client's address in X-Real-IP too",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => res.end(JSON.stringify(req.headers)));
      await edge.apply(oneRoute("real/x", { hosts: ["real.test"], upstreams: [app.upstream("real-1")] }));
      const { text } = await ask(url, { host: "real.test", headers: { "x-real-ip": "6.6.6.6" } });
      const headers = JSON.parse(text);
      expect(headers["x-real-ip"]).toMatch(/^(127\.0\.0\.1|::1)$/);
      expect(headers["x-forwarded-for"]).toBe(headers["x-real-ip"]);
    },
  ],
];

/** R291, without HSTS, which is for TLS only (X027). */
const protections = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "x-xss-protection": "1; mode=block",
  "content-security-policy": "default-src 'self'",
};

const ruleCases: readonly EdgeCase[] = [
  [
    "security headers: exactly those asked for, in the edge's own answers too, and none over the app's own",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => {
        const own = req.url === "/own";
        for (const name of own ? Object.keys(protections) : []) res.setHeader(name, "of-the-app");
        res.end();
      });
      const rules = { hosts: ["guard.test"], headers: "secure", contentSecurityPolicy: "default-src 'self'" } as const;
      await edge.apply(oneRoute("guard/x", { ...rules, upstreams: [app.upstream("guard-1")] }));
      expect((await ask(url, { host: "guard.test" })).headers).toMatchObject(protections);
      const { headers } = await ask(url, { host: "guard.test", path: "/own" });
      for (const name of Object.keys(protections)) expect(headers[name], name).toBe("of-the-app");
      await edge.apply(oneRoute("guard/x", { ...rules, upstreams: [] }));
      const own = await ask(url, { host: "guard.test" });
      expect(own.status).toBe(503);
      expect(own.headers).toMatchObject(protections);
      await edge.apply(oneRoute("guard/x", { ...rules, headers: "none", upstreams: [app.upstream("guard-1")] }));
      const bare = (await ask(url, { host: "guard.test" })).headers;
      expect(bare["x-frame-options"]).toBeUndefined();
      expect(bare["content-security-policy"]).toBe("default-src 'self'");
    },
  ],
  [
    "rate: of 101 calls in 60 s by one client the last is 429, however many instances answer (R292)",
    async ({ edge, url }) => {
      await using app = await sayingApp("one");
      await using other = await sayingApp("two");
      const rate = { requests: 100, windowMs: 60_000, burst: 100 };
      const upstreams = [app.upstream("window-1"), other.upstream("window-2")];
      const limits = { ...plainRules.limits, rate };
      await edge.apply(oneRoute("window/x", { hosts: ["window.test"], upstreams, limits }));
      const said = new Map<string, number>();
      for (let i = 0; i < 100; i += 1) {
        const { text } = await ask(url, { host: "window.test" });
        said.set(text, (said.get(text) ?? 0) + 1);
      }
      expect([said.size, (said.get("one") ?? 0) + (said.get("two") ?? 0)]).toEqual([2, 100]);
      const over = await ask(url, { host: "window.test" });
      expect(over.status).toBe(429);
      const retryAfter = Number(over.headers["retry-after"]);
      expect(retryAfter).toBeGreaterThan(0);
      expect(retryAfter).toBeLessThanOrEqual(61);
    },
  ],
  [
    "a stream under a timeout of 300 s passes piece by piece (R272, R273)",
    async ({ edge, url }) => {
      const pieces: ((text: string) => void)[] = [];
      await using app = await testApp((_req, res) => {
        res.writeHead(200, { "content-type": "text/plain; charset=utf-8", "transfer-encoding": "chunked" });
        pieces.push((text) => res.write(text));
        res.write("Hel");
      });
      const route = { hosts: ["chat.test"], upstreams: [app.upstream("chat-1")], timeoutMs: 300_000 };
      await edge.apply(oneRoute("chat/x", route));
      const { hostname, port } = new URL(url);
      const outgoing = request({ hostname, port, path: "/api/chat", headers: { host: "chat.test" }, agent: false });
      const [answer] = await once(outgoing.end(), "response");
      answer.setEncoding("utf8");
      expect((await once(answer, "data"))[0]).toBe("Hel");
      for (const piece of ["lo", ", ", "you"]) {
        pieces[0]?.(piece);
        expect((await once(answer, "data"))[0]).toBe(piece);
      }
      answer.once("error", () => undefined);
      outgoing.destroy();
    },
  ],
  [
    "rules without a meaning are refused with the whole table",
    async ({ edge, url }) => {
      await using app = await sayingApp("old");
      const good = { hosts: ["rules.test"], upstreams: [app.upstream("rules-1")] };
      await edge.apply(oneRoute("rules/x", good));
      const bad: Partial<Route>[] = [
        { cors: { ...policy, origins: [] } },
        { cors: { ...policy, origins: ["*"] } },
        { cors: { ...policy, origins: ["https://a.test\r\nx: y"] } },
        { cors: { ...policy, headers: ["x y"] } },
        { cors: { ...policy, maxAgeS: -1 } },
        { canonical: "elsewhere.test" },
        { contentSecurityPolicy: "a\r\nset-cookie: b" },
        { pages: { 404: "page" } },
        { pages: { 502: "x".repeat(70_000) } },
        { maintenance: { message: "x".repeat(2_000), page: null } },
      ];
      for (const rules of bad) {
        const table = oneRoute("rules/x", { ...good, ...rules });
        await expect(edge.apply(table), Object.keys(rules)[0]).rejects.toMatchObject({ code: "route.invalid" });
      }
      expect((await ask(url, { host: "rules.test" })).text).toBe("old");
    },
  ],
];

const pages = { 502: "<h1>broke off</h1>", 503: "<h1>nobody –\n没有人</h1>\n", 504: "<h1>too slow</h1>" };

const pageCases: readonly EdgeCase[] = [
  [
    "pages: browsers get a route's HTML for the edge's own 502, 503 and 504; what the app answers stays its own",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => {
        if (req.url === "/dies") req.socket.destroy();
        else if (req.url === "/own") res.writeHead(503, { "content-type": "text/html" }).end("own page");
      });
      const route = { hosts: ["pages.test"], pages };
      const upstreams = [app.upstream("pages-1")];
      await edge.apply(oneRoute("pages/x", { ...route, upstreams }));
      const get = (path: string) => ask(url, { host: "pages.test", path, headers: browser });
      const dies = await get("/dies");
      expect((await get("/own")).text).toBe("own page");
      await edge.apply(oneRoute("pages/x", { ...route, upstreams, timeoutMs: 300 }));
      const seenPages = { 502: dies, 504: await get("/silent") };
      await edge.apply(oneRoute("pages/x", { ...route, upstreams: [] }));
      for (const [status, answer] of Object.entries({ ...seenPages, 503: await get("/") })) {
        expect([answer.status, answer.text]).toEqual([Number(status), pages[Number(status) as keyof typeof pages]]);
        expect(answer.headers["content-type"]).toBe("text/html; charset=utf-8");
        expect(answer.headers["cache-control"]).toBe("no-store");
      }
      const unknown = await ask(url, { host: "nopages.test", headers: browser });
      expect([unknown.status, unknown.text.includes("<h1>")]).toEqual([404, false]);
    },
  ],
  [
    "pages: who does not ask for HTML gets plain text, or problem+json when asking for JSON",
    async ({ edge, url }) => {
      await edge.apply(oneRoute("terse/x", { hosts: ["terse.test"], upstreams: [], pages }));
      const get = (accept: string) => ask(url, { host: "terse.test", headers: { accept } });
      for (const accept of ["*/*", "image/png", "text/plain"]) {
        const answer = await get(accept);
        expect([answer.status, answer.headers["content-type"]]).toEqual([503, "text/plain; charset=utf-8"]);
        expect(answer.text).toMatch(/^503 Service Unavailable\n[^<%]+\n$/);
      }
      const answer = await get("application/json");
      expect([answer.status, answer.headers["content-type"]]).toEqual([503, "application/problem+json"]);
      expect(JSON.parse(answer.text)).toMatchObject({ status: 503, title: "Service Unavailable" });
    },
  ],
  [
    "maintenance: every request is 503 with Retry-After and the words given, and no app is asked, until it is over",
    async ({ edge, url }) => {
      let reached = 0;
      await using app = await testApp((_req, res) => {
        reached += 1;
        res.end("open");
      });
      const route = { hosts: ["closed.test"], upstreams: [app.upstream("closed-1")], pages };
      const closed = { message: "Back at nine & <soon> – 九点", page: null };
      await edge.apply(oneRoute("closed/x", { ...route, maintenance: closed }));
      const get = (accept: string, method = "GET") =>
        ask(url, { host: "closed.test", path: "/any?thing", method, headers: { accept } });
      const records: AccessRecord[] = [];
      const stop = edge.records((batch) => records.push(...batch));
      const plain = await get("*/*");
      expect([plain.status, plain.text]).toEqual([503, expect.stringContaining(closed.message)]);
      expect(Number(plain.headers["retry-after"])).toBeGreaterThan(0);
      const html = await get(browser.accept);
      expect(html.text).toContain("<p>Back at nine &#38; &#60;soon&#62; – 九点</p>");
      expect(JSON.parse((await get("application/json", "POST")).text).detail).toBe(closed.message);
      expect([(await get("*/*", "HEAD")).status, (await get("*/*", "HEAD")).text]).toEqual([503, ""]);
      await seen(
        () => get("*/*"),
        () => records.some((record) => record.owner === "closed/x"),
      );
      stop();
      const record = records.find(({ owner }) => owner === "closed/x");
      expect(record).toMatchObject({ status: 503, release: null, instance: null });
      await edge.apply(oneRoute("closed/x", { ...route, maintenance: { ...closed, page: "<b>whole page</b>" } }));
      expect((await get(browser.accept)).text).toBe("<b>whole page</b>");
      expect(reached).toBe(0);
      await edge.apply(oneRoute("closed/x", route));
      expect((await get("*/*")).text).toBe("open");
      expect((await edge.observe("closed/x")).stats["closed-1"]).toMatchObject({ requests: 1, failures: 0 });
    },
  ],
  [
    "maintenance: it comes before a hold, reaches those who wait there, and refuses new WebSockets",
    async ({ edge, url }) => {
      await using app = await sayingApp("open");
      const route = { hosts: ["shut.test"], upstreams: [app.upstream("shut-1")], holdMs: 20_000 };
      await edge.apply(oneRoute("shut/x", route));
      const waiting = ask(url, { host: "shut.test" });
      const watcher = await dial(url);
      watcher.write("GET / HTTP/1.1\r\nHost: shut.test\r\n\r\n");
      const maintenance = { message: "closed", page: null };
      await edge.apply(oneRoute("shut/x", { ...route, maintenance }));
      expect(await nextText(watcher)).toMatch(/^HTTP\/1\.1 503 /);
      expect((await waiting).status).toBe(503);
      expect((await ask(url, { host: "shut.test" })).status).toBe(503);
      const socket = await dial(url);
      const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
      socket.write(
        `GET /ws HTTP/1.1\r\nHost: shut.test\r\n${upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      );
      expect(await nextText(socket)).toMatch(/^HTTP\/1\.1 503 /);
      socket.destroy();
      watcher.destroy();
    },
  ],
];

export const policyCases: readonly EdgeCase[] = [...corsCases, ...placeCases, ...ruleCases, ...pageCases];
