import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import type { AccessRecord } from "../../model/route.ts";
import {
  ask,
  dial,
  type EdgeCase,
  nextText,
  oneRoute,
  raw,
  sayingApp,
  seen,
  type TestApp,
  testApp,
} from "./edge-rig.ts";

/** Requests that two servers could read differently, or that no server should take. Each must be refused and reach no app. */
const smuggling: readonly (readonly [string, string])[] = [
  ["differing lengths", "POST / HTTP/1.1\r\nHost: raw.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["a length list", "POST / HTTP/1.1\r\nHost: raw.test\r\nContent-Length: 1, 2\r\n\r\nab"],
  ["a signed length", "POST / HTTP/1.1\r\nHost: raw.test\r\nContent-Length: +1\r\n\r\na"],
  ["gzip, chunked", "POST / HTTP/1.1\r\nHost: raw.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
  ["identity", "POST / HTTP/1.1\r\nHost: raw.test\r\nTransfer-Encoding: identity\r\n\r\n"],
  [
    "two codings",
    "POST / HTTP/1.1\r\nHost: raw.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a space before the colon", "POST / HTTP/1.1\r\nHost: raw.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"],
  ["two hosts", "GET / HTTP/1.1\r\nHost: raw.test\r\nHost: other.test\r\n\r\n"],
  ["no host", "GET / HTTP/1.1\r\n\r\n"],
  ["another host in the target", "GET http://other.test/ HTTP/1.1\r\nHost: raw.test\r\n\r\n"],
  ["a null byte", "GET / HTTP/1.1\r\nHost: raw.test\r\nX-A: a\u0000b\r\n\r\n"],
];

/** Requests that a proxy may also fix (RFC 9112 2.2, 5.2, 6.3), which hides from the app that somebody tried. */
const mendable: readonly (readonly [string, string])[] = [
  [
    "both lengths",
    "POST / HTTP/1.1\r\nHost: raw.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a host twice", "GET / HTTP/1.1\r\nHost: raw.test\r\nHost: raw.test\r\n\r\n"],
  ["an obsolete fold", "GET / HTTP/1.1\r\nHost: raw.test\r\nX-A: b\r\n c\r\n\r\n"],
  ["chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: raw.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a bare line feed in a header", "GET / HTTP/1.1\r\nHost: raw.test\r\nX-A: a\nTransfer-Encoding: chunked\r\n\r\n"],
];

/** What proxies say, and what frameworks take for another path or for their own proxy. */
const saidByProxies = [
  ...["For", "Proto", "Host", "Port", "Server", "Ssl", "Scheme", "Prefix", "Uri", "Anything"].map(
    (one) => `X-Forwarded-${one}`,
  ),
  ...["X-Forwarded", "Forwarded", "X-Real-Ip", "Proxy", "X-Original-Url", "X-Original-Host", "X-Rewrite-Url"],
  ...["Front-End-Https", "X-Scheme", "X-Url-Scheme", "X-Script-Name", "X-Host", "X-HTTP-Host-Override"],
];

const framingMisspelt = ["Content_Length", "Transfer_Encoding", "Content_Type", "Content_Encoding", "Keep_Alive"];

const longText = "lorem ipsum ".repeat(500);

/** An app whose answers are long text, but for some paths. */
function textApp(): Promise<TestApp> {
  return testApp((req, res) => {
    res.setHeader("content-type", req.url === "/png" ? "image/png" : "text/html; charset=utf-8");
    res.setHeader("etag", '"v1"');
    if (req.url === "/as-is") res.setHeader("cache-control", "no-transform");
    if (req.url === "/coded") res.setHeader("content-encoding", "x-own");
    const body = req.url === "/short" ? "short" : longText;
    res.setHeader("content-length", body.length);
    res.end(body);
  });
}

export const httpCases: readonly EdgeCase[] = [
  [
    "requests reach the app as they were sent, with odd query strings and headers kept",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => res.end(JSON.stringify({ url: req.url, headers: req.headers })));
      await edge.apply(oneRoute("as-sent/x", { hosts: ["sent.test"], upstreams: [app.upstream("sent-1")] }));
      const path = "/a%2Fb//c;d?x=%20&&=y&z[]=1|2&%zz+'\"?";
      const answer = await ask(url, { host: "sent.test:99", path, headers: { "x-thing": "Kept", cookie: "a=1; b=2" } });
      const got = JSON.parse(answer.text);
      expect(got.url).toBe(path);
      expect(got.headers).toMatchObject({ host: "sent.test:99", "x-thing": "Kept", cookie: "a=1; b=2" });
    },
  ],
  [
    "the app is told the client's address, protocol, host and port, and what a client says of them is replaced",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => res.end(JSON.stringify(req.headers)));
      await edge.apply(oneRoute("forwarded/x", { hosts: ["fwd.test"], upstreams: [app.upstream("fwd-1")] }));
      const lies = { "x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https", forwarded: "for=6.6.6.6" };
      const more = { x_forwarded_for: "6.6.6.6", "x-forwarded-host": "evil", "x-real-ip": "6.6.6.6" };
      const { text } = await ask(url, { host: "fwd.test", headers: { ...lies, ...more } });
      const headers = JSON.parse(text);
      expect(headers["x-forwarded-for"]).toMatch(/^(127\.0\.0\.1|::1)$/);
      expect(headers).toMatchObject({ "x-forwarded-proto": "http", "x-forwarded-host": "fwd.test" });
      expect(headers["x-forwarded-port"]).toBe(new URL(url).port);
      expect(text).not.toContain("6.6.6.6");
    },
  ],
  [
    "nothing else that a client says of proxies, other paths or framing in either spelling reaches the app",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => res.end(JSON.stringify(req.headers)));
      await edge.apply(oneRoute("lies/x", { hosts: ["lies.test"], upstreams: [app.upstream("lies-1")] }));
      const plain = JSON.parse((await ask(url, { host: "lies.test" })).text);
      const said = [...saidByProxies, ...saidByProxies.map((name) => name.replaceAll("-", "_"))];
      const mixed = [...said, ...framingMisspelt].map((name, index) => (index % 2 === 0 ? name : name.toUpperCase()));
      const headers = Object.fromEntries(mixed.map((name) => [name, "lie"]));
      const kept = {
        "x-own": "1",
        x_own: "2",
        "x-forward": "3",
        via: "1.1 a",
        "true-client-ip": "4",
        "proxy-status": "5",
      };
      const { text } = await ask(url, { host: "lies.test", headers: { ...headers, ...kept } });
      expect(text).not.toContain('lie"');
      const told = JSON.parse(text);
      expect(told).toMatchObject(kept);
      expect(Object.keys(told).sort()).toEqual([...Object.keys(plain), ...Object.keys(kept)].sort());
    },
  ],
  [
    "headers for one connection only go no further, in both directions",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => {
        res.writeHead(200, { connection: "x-private, keep-alive", "x-private": "1", "x-public": "1" });
        res.end(JSON.stringify(req.headers));
      });
      await edge.apply(oneRoute("hop/x", { hosts: ["hop.test"], upstreams: [app.upstream("hop-1")] }));
      const headers = {
        connection: "close, x-hop",
        "x-hop": "1",
        te: "trailers",
        "proxy-connection": "close",
        "x-end": "1",
      };
      const answer = await ask(url, { host: "hop.test", headers });
      const got = JSON.parse(answer.text);
      expect(got["x-end"]).toBe("1");
      for (const name of ["x-hop", "te", "proxy-connection"]) expect(got[name]).toBeUndefined();
      expect(answer.headers["x-public"]).toBe("1");
      expect(answer.headers["x-private"]).toBeUndefined();
    },
  ],
  [
    "a sane request id is kept and any other replaced; app, client and access record have the same",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => res.end(req.headers["x-request-id"]));
      await edge.apply(oneRoute("ids/x", { hosts: ["ids.test"], upstreams: [app.upstream("ids-1")] }));
      const records: AccessRecord[] = [];
      const stop = edge.records((batch) => records.push(...batch));
      await seen(
        () => ask(url, { host: "ids.test", path: "/warm" }),
        () => records.length > 0,
      );
      const kept = await ask(url, {
        host: "ids.test",
        path: "/kept?token=hidden",
        headers: { "x-request-id": "a.B-9_" },
      });
      expect([kept.text, kept.headers["x-request-id"]]).toEqual(["a.B-9_", "a.B-9_"]);
      const replaced = await ask(url, { host: "ids.test", headers: { "x-request-id": "<script>" } });
      expect(replaced.text).toMatch(/^[\w.-]{8,128}$/);
      expect(replaced.headers["x-request-id"]).toBe(replaced.text);
      const record = await seen(
        () => records.find((found) => found.requestId === "a.B-9_"),
        (found) => found !== undefined,
      );
      stop();
      const expected = { owner: "ids/x", service: "web", release: 1, instance: "ids-1", method: "GET", status: 200 };
      expect(record).toMatchObject({ ...expected, host: "ids.test", path: "/kept" });
      expect(record?.durationMs).toBeGreaterThan(0);
    },
  ],
  [
    "hosts: case, port and a final dot do not matter, a wildcard covers one level, anything else is 404 and says nothing",
    async ({ edge, url }) => {
      await using app = await sayingApp("exact");
      await using wild = await sayingApp("wild");
      const exact = oneRoute("hosts/x", { hosts: ["Shop.test"], upstreams: [app.upstream("hosts-1")] });
      const star = oneRoute("hosts/y", { hosts: ["*.shop.test"], upstreams: [wild.upstream("hosts-2")] });
      await edge.apply(exact);
      await edge.apply(star);
      for (const host of ["shop.test", "SHOP.TEST", "shop.test:8080", "shop.test.", "shop.test.:80"]) {
        expect((await ask(url, { host })).text).toBe("exact");
      }
      expect((await ask(url, { host: "a.shop.test" })).text).toBe("wild");
      for (const host of ["a.b.shop.test", "unknown.test", "127.0.0.1", "xshop.test"]) {
        const answer = await ask(url, { host });
        expect(answer.status).toBe(404);
        expect(answer.text).not.toMatch(/shop|hosts-/);
      }
      await edge.remove("hosts/x");
      expect((await ask(url, { host: "shop.test" })).status).toBe(404);
      expect(await edge.owners()).not.toContain("hosts/x");
      expect(await edge.owners()).toContain("hosts/y");
    },
  ],
  [
    "requests with two meanings are refused and reach no app",
    async ({ edge, url }) => {
      let reached = 0;
      await using app = await testApp((_req, res) => {
        reached += 1;
        res.end();
      });
      await edge.apply(oneRoute("raw/x", { hosts: ["raw.test", "other.test"], upstreams: [app.upstream("raw-1")] }));
      for (const [what, text] of smuggling) {
        expect(await raw(url, text), what).toMatch(/^HTTP\/1\.1 4(00|22) /);
      }
      expect(reached).toBe(0);
      const absolute = "GET http://raw.test/?a HTTP/1.1\r\nHost: raw.test\r\nConnection: close\r\n\r\n";
      expect(await raw(url, absolute)).toMatch(/^HTTP\/1\.1 200 /);
    },
  ],
  [
    "requests that could be mended are refused too",
    async ({ edge, url }) => {
      let reached = 0;
      await using app = await testApp((_req, res) => {
        reached += 1;
        res.end();
      });
      await edge.apply(oneRoute("mend/x", { hosts: ["raw.mend.test"], upstreams: [app.upstream("mend-1")] }));
      for (const [what, text] of mendable) {
        expect(await raw(url, text.replaceAll("raw.test", "raw.mend.test")), what).toMatch(/^HTTP\/1\.1 400 /);
      }
      expect(reached).toBe(0);
    },
  ],
  [
    "malformed chunks end the request, at the client and at the app",
    async ({ edge, url }) => {
      const ends: string[] = [];
      await using app = await testApp((req, res) => {
        req.on("aborted", () => ends.push("aborted"));
        req.on("error", () => undefined);
        req.resume().on("end", () => res.end("whole"));
      });
      await edge.apply(oneRoute("chunks/x", { hosts: ["chunks.test"], upstreams: [app.upstream("chunks-1")] }));
      const head = "POST / HTTP/1.1\r\nHost: chunks.test\r\nTransfer-Encoding: chunked\r\n\r\n";
      const answer = await raw(url, `${head}3\r\nabc\r\nzz\r\n`);
      expect(answer).not.toContain("whole");
      expect(answer).toMatch(/^(HTTP\/1\.1 400 |$)/);
    },
  ],
  [
    "an upgrade to h2c is not forwarded",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => res.end(JSON.stringify(req.headers)));
      await edge.apply(oneRoute("h2c/x", { hosts: ["h2c.test"], upstreams: [app.upstream("h2c-1")] }));
      const headers = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQAAP__" };
      const answer = await ask(url, { host: "h2c.test", headers });
      expect(answer.status).toBe(200);
      expect(answer.text).not.toMatch(/upgrade|http2/i);
    },
  ],
  [
    "HEAD, 204 and 304 have no body and keep the connection usable",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => {
        if (req.url === "/204") res.writeHead(204).end();
        else if (req.url === "/304") res.writeHead(304, { etag: '"a"' }).end();
        else res.writeHead(200, { "content-length": "5" }).end(req.method === "HEAD" ? undefined : "12345");
      });
      await edge.apply(oneRoute("bodyless/x", { hosts: ["head.test"], upstreams: [app.upstream("head-1")] }));
      const line = (method: string, path: string) => `${method} ${path} HTTP/1.1\r\nHost: head.test\r\n`;
      const text = `${line("HEAD", "/")}\r\n${line("GET", "/204")}\r\n${line("GET", "/304")}\r\n${line("GET", "/")}Connection: close\r\n\r\n`;
      const answers = (await raw(url, text)).split(/(?=HTTP\/1\.1 )/);
      expect(answers.map((answer) => answer.slice(9, 12))).toEqual(["200", "204", "304", "200"]);
      expect(answers[0]).toMatch(/content-length: 5\r\n/i);
      expect(answers.map((answer) => answer.split("\r\n\r\n")[1])).toEqual(["", "", "", "12345"]);
    },
  ],
  [
    "a client that expects 100-continue gets it when the app is there, and a refusal in its place when not",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => {
        req.setEncoding("utf8").on("data", (text: string) => res.write(text));
        req.on("end", () => res.end());
      });
      const limits = { bodyBytes: 10, rate: null };
      await edge.apply(oneRoute("expect/x", { hosts: ["expect.test"], upstreams: [app.upstream("expect-1")], limits }));
      const head = (length: number) =>
        `POST / HTTP/1.1\r\nHost: expect.test\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
      expect(await raw(url, `${head(5)}hello`)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [\s\S]*hello/);
      const refused = await dial(url);
      refused.write(head(11));
      expect(await nextText(refused)).toMatch(/^HTTP\/1\.1 413 /);
      refused.destroy();
    },
  ],
  [
    "text is compressed for clients that take it, and only where that is right",
    async ({ edge, url }) => {
      await using app = await textApp();
      await edge.apply(oneRoute("zip/x", { hosts: ["zip.test"], upstreams: [app.upstream("zip-1")] }));
      const get = (path: string, accept: string, method = "GET") =>
        ask(url, { host: "zip.test", path, method, headers: { "accept-encoding": accept } });
      const zipped = await get("/", "gzip");
      expect(zipped.headers).toMatchObject({ "content-encoding": "gzip", etag: 'W/"v1"', vary: "Accept-Encoding" });
      expect(gunzipSync(zipped.body).toString()).toBe(longText);
      expect((await get("/", "gzip;q=0")).text).toBe(longText);
      for (const path of ["/png", "/as-is"]) {
        expect((await get(path, "gzip")).headers["content-encoding"], path).toBeUndefined();
      }
      expect((await get("/coded", "gzip")).headers["content-encoding"]).toBe("x-own");
      expect((await get("/", "gzip", "HEAD")).headers["content-encoding"]).toBeUndefined();
    },
  ],
  [
    "text is compressed with Brotli for clients that take it",
    async ({ edge, url }) => {
      await using app = await textApp();
      await edge.apply(oneRoute("br/x", { hosts: ["br.test"], upstreams: [app.upstream("br-1")] }));
      const { headers } = await ask(url, { host: "br.test", headers: { "accept-encoding": "gzip, br" } });
      expect(headers["content-encoding"]).toBe("br");
    },
  ],
  [
    "text under 1 KB is not compressed",
    async ({ edge, url }) => {
      await using app = await textApp();
      await edge.apply(oneRoute("short/x", { hosts: ["short.test"], upstreams: [app.upstream("short-1")] }));
      const { headers } = await ask(url, {
        host: "short.test",
        path: "/short",
        headers: { "accept-encoding": "gzip" },
      });
      expect(headers["content-encoding"]).toBeUndefined();
    },
  ],
  [
    "the security headers are set where the route asks and the app did not decide itself",
    async ({ edge, url }) => {
      await using app = await testApp((_req, res) => res.setHeader("x-frame-options", "SAMEORIGIN").end("page"));
      const route = { hosts: ["sec.test"], upstreams: [app.upstream("sec-1")] };
      await edge.apply(oneRoute("secure/x", { ...route, headers: "secure" }));
      const { headers } = await ask(url, { host: "sec.test" });
      expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "x-frame-options": "SAMEORIGIN" });
      expect(headers["referrer-policy"]).toBe("strict-origin-when-cross-origin");
      expect(headers["strict-transport-security"]).toBeUndefined();
      await edge.apply(oneRoute("secure/x", { ...route, headers: "none" }));
      expect((await ask(url, { host: "sec.test" })).headers["x-content-type-options"]).toBeUndefined();
    },
  ],
];
