import { once } from "node:events";
import { expect } from "vitest";
import {
  dial,
  type EdgeCase,
  type EdgeUnderTest,
  oneRoute,
  raw,
  sayingApp,
  type TestApp,
  testApp,
} from "./edge-rig.ts";

/** What no request may name as its host, for a host `HOST` that is served. */
const noHosts: readonly string[] = [
  "",
  "HOST:80@evil.com",
  "HOST@evil.com",
  "evil.com@HOST",
  "HOST/evil.com",
  "HOST:8080:80",
  "HOST:",
  "HOST:70000",
  "HOST:080808",
  "HOST:-1",
  "HOST:80 evil.com",
  "HOST, evil.com",
  "HOST,HOST",
  "HOST#evil.com",
  "HOST?evil.com",
  "HOST\\evil.com",
  "HOST%00.evil.com",
  "HOST%2eevil.com",
  "HOST..",
  ".HOST",
  "-HOST",
  "HO ST",
  "'HOST'",
  '"HOST"',
  "<HOST>",
  "[HOST]",
  "[::1",
  "[::1]x",
  "[1:2]",
  "[::ffff:1.2.3.400]",
  "http://HOST",
  "//HOST",
  "*",
  "*.HOST",
  "!HOST",
  "HOST\u00e9",
  `${"a".repeat(64)}.HOST`,
  `${"a.".repeat(140)}HOST`,
];

/** A port may be missing behind its colon (RFC 3986 3.2.3). */
const hosts: readonly string[] = ["HOST", "HOST:80", "HOST:65535", "HOST.", "HOST.:8080", "HOST:0", "UPPER", "HOST:"];

/** Targets that are no path of the host that is asked. */
const noTargets: readonly (readonly [method: string, target: string])[] = [
  ["GET", "ftp://HOST/"],
  ["GET", "gopher:HOST"],
  ["GET", "HOST/"],
  ["GET", "a@HOST"],
  ["GET", "?a"],
  ["GET", "*"],
  ["OPTIONS", "*"],
  ["GET", "http:/HOST/"],
  ["GET", "http:///"],
  ["GET", "http://"],
  ["GET", "http://a@HOST/"],
  ["GET", "http://HOST:81/"],
  ["GET", "http://evil.com/"],
  ["GET", "http://HOST@evil.com/"],
  ["GET", "http://HOST?a"],
  ["GET", "http://HOST/#a"],
  ["GET", "/#a"],
  ["GET", "/\u00e9"],
  ["GET", "javascript://HOST/"],
  ["CONNECT", "HOST:80"],
  ["CONNECT", "/"],
  ["CONNECT", "http://HOST/"],
];

const upgrade =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/** Requests that are refused for their shape or for what their route allows; behind each of them another one is sent. */
const refused: readonly (readonly [what: string, text: string, status: string])[] = [
  ["no host", "GET / HTTP/1.1\r\n\r\n", "400"],
  ["two hosts", "GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil.com\r\n\r\n", "400"],
  ["a host that is none", "GET / HTTP/1.1\r\nHost: HOST@evil.com\r\n\r\n", "400"],
  ["another host in its target", "GET http://evil.com/ HTTP/1.1\r\nHost: HOST\r\n\r\n", "400"],
  ["a target that is none", "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n", "400"],
  ["CONNECT", "CONNECT HOST:80 HTTP/1.1\r\nHost: HOST:80\r\n\r\n", "400"],
  ["two codings", "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "4(00|22)"],
  ["differing lengths", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nContent-Length: 0\r\n\r\n", "400"],
  ["an upgrade for no host", `GET / HTTP/1.1\r\nHost: HOST@evil.com\r\n${upgrade}\r\n`, "400"],
  ["an upgrade of two hosts", `GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil.com\r\n${upgrade}\r\n`, "400"],
  ["an upgrade for nobody", `GET / HTTP/1.1\r\nHost: nobody.test\r\n${upgrade}\r\n`, "404"],
  ["a body over the limit", `POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1001\r\n\r\n${"x".repeat(1_001)}`, "413"],
  ["half of such a body", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100000\r\n\r\n", "413"],
  ["a body for nobody", "POST / HTTP/1.1\r\nHost: nobody.test\r\nContent-Length: 100000\r\n\r\n", "404"],
  ["a version that is spoken in frames", "GET / HTTP/2.0\r\nHost: HOST\r\n\r\n", "400"],
  ["a null byte", "GET / HTTP/1.1\r\nHost: HOST\r\nX-A: a\0b\r\n\r\n", "400"],
];

interface Told {
  readonly host: string;
  readonly path: string;
}

/** An app that notes who asked it what. */
async function notingApp({ edge }: EdgeUnderTest, host: string): Promise<TestApp & { readonly asked: Told[] }> {
  const asked: Told[] = [];
  const app = await testApp((req, res) => {
    asked.push({ host: String(req.headers["x-forwarded-host"]), path: req.url ?? "" });
    req.resume().on("end", () => res.end());
  });
  app.server.on("upgrade", (req, socket) => {
    asked.push({ host: "upgrade", path: req.url ?? "" });
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  const limits = { bodyBytes: 1_000, rate: null };
  await edge.apply(oneRoute(`${host}/x`, { hosts: [host], upstreams: [app.upstream(`${host}-1`)], limits }));
  return { ...app, asked, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

const ended = "Connection: close\r\n\r\n";

export const requestCases: readonly EdgeCase[] = [
  [
    "fields behind a request's body tell an app nothing of proxies",
    async ({ edge, url }) => {
      const trailers: string[] = [];
      await using app = await testApp((req, res) => {
        req.resume().on("end", () => {
          trailers.push(...Object.keys(req.trailers));
          res.end();
        });
      });
      await edge.apply(oneRoute("fields/x", { hosts: ["fields.test"], upstreams: [app.upstream("fields-1")] }));
      const fields = "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\n\r\n";
      const head = "Host: fields.test\r\nTrailer: X-Forwarded-For\r\nTransfer-Encoding: chunked";
      const got = await raw(url, `POST / HTTP/1.1\r\n${head}\r\n${ended}2\r\nok\r\n0\r\n${fields}`);
      expect(got).toMatch(/^HTTP\/1\.1 200 /);
      expect(trailers).toEqual([]);
    },
  ],
  [
    "a host that is no authority is 400 wherever it would lead, an upgrade's too, and reaches no app",
    async (under) => {
      await using app = await notingApp(under, "names.test");
      for (const odd of noHosts.filter((one) => one !== "HOST:")) {
        const host = odd.replaceAll("HOST", "names.test").replaceAll("HO ST", "names .test");
        for (const more of ["", upgrade]) {
          const answer = await raw(under.url, `GET / HTTP/1.1\r\nHost: ${host}\r\n${more || ended}${more && "\r\n"}`);
          expect(answer, `${host} ${more}`).toMatch(/^HTTP\/1\.[01] 400 /);
        }
      }
      expect(app.asked).toEqual([]);
      for (const good of hosts) {
        const host = good.replace("HOST", "names.test").replace("UPPER", "NAMES.test");
        expect(await raw(under.url, `GET / HTTP/1.1\r\nHost: ${host}\r\n${ended}`), host).toMatch(/^HTTP\/1\.1 200 /);
        expect(app.asked.at(-1)?.host).toBe(host);
      }
      for (const host of ["[::1]:80", "[2001:DB8::1.2.3.4]", "192.0.2.1", "nobody.test", "a_b.test"]) {
        expect(await raw(under.url, `GET / HTTP/1.1\r\nHost: ${host}\r\n${ended}`), host).toMatch(/^HTTP\/1\.1 404 /);
      }
    },
  ],
  [
    "a target that is no path of the asked host is 400 and reaches no app; http:// in any case and the path are the same",
    async (under) => {
      await using app = await notingApp(under, "targets.test");
      for (const [method, odd] of noTargets) {
        const target = odd.replaceAll("HOST", "targets.test");
        const answer = await raw(under.url, `${method} ${target} HTTP/1.1\r\nHost: targets.test\r\n${ended}`);
        expect(answer, `${method} ${target}`).toMatch(/^HTTP\/1\.[01] 400 /);
      }
      expect(app.asked).toEqual([]);
      for (const [target, path] of [
        ["http://targets.test/a?b", "/a?b"],
        ["HTTP://targets.test/a", "/a"],
        ["hTTp://TARGETS.test/a", "/a"],
        ["http://targets.test", "/"],
        ["//evil.com/a", "//evil.com/a"],
        ["/http://evil.com/", "/http://evil.com/"],
      ] as const) {
        const answer = await raw(under.url, `GET ${target} HTTP/1.1\r\nHost: targets.test\r\n${ended}`);
        expect(answer, target).toMatch(/^HTTP\/1\.1 200 /);
        expect(app.asked.at(-1)).toEqual({ host: "targets.test", path });
      }
    },
  ],
  [
    "what is sent behind a refused request is neither read nor run, in one packet or in two",
    async (under) => {
      await using app = await notingApp(under, "behind.test");
      const behind = `GET /behind HTTP/1.1\r\nHost: behind.test\r\n${ended}`;
      for (const [what, text, status] of refused) {
        // A connection to the app that is open already takes a request at once.
        await raw(under.url, `GET /warm HTTP/1.1\r\nHost: behind.test\r\n${ended}`);
        for (let turn = 0; turn < 10; turn += 1) {
          const socket = await dial(under.url);
          let answer = "";
          socket.setEncoding("latin1").on("data", (chunk: string) => {
            answer += chunk;
          });
          const request = text.replaceAll("HOST", "behind.test");
          if (turn % 2 === 0) socket.write(request + behind, "latin1");
          else socket.write(request, "latin1", () => socket.write(behind, "latin1"));
          // Whoever has read his answer goes; until then he may be listened to.
          socket.once("data", () => socket.end());
          await once(socket, "close");
          expect(answer, what).toMatch(new RegExp(`^HTTP/1\\.[01] ${status} `));
          expect(answer.match(/^HTTP\/1\.[01] /gm)?.length, what).toBe(1);
        }
      }
      expect(app.asked.filter(({ path }) => path !== "/warm")).toEqual([]);
    },
  ],
  [
    "requests of one connection are served in the order in which they came, and those before a refused one are answered",
    async (under) => {
      const { url, edge } = under;
      let under_way = 0;
      let most = 0;
      await using app = await testApp((req, res) => {
        most = Math.max(most, ++under_way);
        setTimeout(() => {
          under_way -= 1;
          res.end(`${req.url}\n`);
        }, 2);
      });
      await edge.apply(oneRoute("order/x", { hosts: ["order.test"], upstreams: [app.upstream("order-1")] }));
      const one = (path: string) => `GET ${path} HTTP/1.1\r\nHost: order.test\r\n\r\n`;
      const paths = Array.from({ length: 50 }, (_none, index) => `/${index}`);
      const answer = await raw(url, `${paths.map(one).join("")}GET / HTTP/1.1\r\nHost: a b\r\n\r\n${one("/after")}`);
      expect(answer.match(/^HTTP\/1\.1 \d+/gm)).toEqual([...paths.map(() => "HTTP/1.1 200"), "HTTP/1.1 400"]);
      expect(answer.match(/^\/\d+/gm)).toEqual(paths);
      expect(most).toBe(1);
      const broken = await raw(url, `${one("/0")}${one("/1")}NONSENSE\r\n\r\n${one("/after")}`);
      expect(broken.match(/^HTTP\/1\.[01] \d+/gm)?.map((line) => line.slice(9))).toEqual(["200", "200", "400"]);
    },
  ],
  [
    "a refused client that goes on sending still reads its answer",
    async ({ edge, url }) => {
      await using app = await sayingApp("fine");
      const limits = { bodyBytes: 1_000, rate: null };
      await edge.apply(oneRoute("rude/x", { hosts: ["rude.test"], upstreams: [app.upstream("rude-1")], limits }));
      for (let turn = 0; turn < 5; turn += 1) {
        const socket = await dial(url);
        socket.write("POST / HTTP/1.1\r\nHost: rude.test\r\nContent-Length: 3000000\r\n\r\n");
        for (let sent = 0; sent < 3_000_000; sent += 100_000) {
          await new Promise((resolve) => socket.write(Buffer.alloc(100_000), resolve));
        }
        let answer = "";
        for await (const chunk of socket.setEncoding("latin1")) answer += chunk;
        expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      }
    },
  ],
];
