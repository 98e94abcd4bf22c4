import { once } from "node:events";
import { expect } from "vitest";
import { plainRules } from "../../model/release.ts";
import type { AccessRecord } from "../../model/route.ts";
import {
  ask,
  dial,
  oneRoute,
  type ProxiedEdgeCase,
  type RigRequest,
  raw,
  sayingApp,
  seen,
  testApp,
  textUntil,
} from "./edge-rig.ts";

/** The address of the trusted proxy of these cases; all of 127.0.0.0/8 is this machine. */
const proxy = "127.0.0.2";
const trusting = { trust: [proxy, "10.0.0.0/8", "fd00::/8"], proxyProtocol: false };
const announcing = { trust: [proxy, "10.0.0.0/8"], proxyProtocol: true };

const signature = "\r\n\r\n\0\r\nQUIT\n";

/** A PROXY protocol header of version 2. `addresses`: source and target with their ports, and notes. */
function binary(command: number, family: number, addresses: readonly number[]): string {
  const length = [addresses.length >> 8, addresses.length & 255];
  return signature + String.fromCharCode(command, family, ...length, ...addresses);
}

const client4 = [203, 0, 113, 9, 192, 0, 2, 1, 0xc0, 0x01, 0x01, 0xbb];
const client6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, ...Array<number>(16).fill(1), 1, 1, 1, 1];

const told = "GET /told HTTP/1.1\r\nHost: told.test\r\nConnection: close\r\n\r\n";

/** An app that says what it was told about its client. */
const tellingApp = () => testApp((req, res) => res.end(JSON.stringify(req.headers)));

export const proxyCases: readonly ProxiedEdgeCase[] = [
  [
    "what a trusted proxy says of client and protocol is believed and continued, what others say is replaced",
    trusting,
    async ({ edge, url }) => {
      await using app = await tellingApp();
      await edge.apply(oneRoute("told/x", { hosts: ["told.test"], upstreams: [app.upstream("told-1")] }));
      const headersFor = async (more: Partial<RigRequest>) =>
        JSON.parse((await ask(url, { host: "told.test", ...more })).text);
      const says = (chain: string, proto = "https") => ({ "x-forwarded-for": chain, "x-forwarded-proto": proto });
      for (const [chain, client] of [
        ["203.0.113.9", "203.0.113.9"],
        ["6.6.6.6, 203.0.113.9", "203.0.113.9"],
        ["203.0.113.9, 10.1.2.3, fd00::7", "203.0.113.9"],
        ["203.0.113.9:4711", "203.0.113.9"],
        ["[2001:db8::9]:4711", "2001:db8::9"],
        ["nonsense, 10.1.2.3", "10.1.2.3"],
        ["10.1.2.3", "10.1.2.3"],
      ] as const) {
        const headers = await headersFor({ from: proxy, headers: says(chain) });
        expect(headers, chain).toMatchObject({
          "x-forwarded-for": `${chain}, ${proxy}`,
          "x-real-ip": client,
          "x-forwarded-proto": "https",
          "x-forwarded-port": "443",
        });
      }
      const silent = await headersFor({ from: proxy });
      expect(silent).toMatchObject({ "x-forwarded-for": proxy, "x-real-ip": proxy, "x-forwarded-proto": "http" });
      expect((await headersFor({ from: proxy, headers: says("203.0.113.9", "gopher") }))["x-forwarded-proto"]).toBe(
        "http",
      );
      const liar = await headersFor({ headers: { ...says("203.0.113.9"), "x-real-ip": "6.6.6.6" } });
      expect(liar).toMatchObject({ "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1" });
      expect(liar).toMatchObject({ "x-forwarded-proto": "http", "x-forwarded-port": new URL(url).port });
    },
  ],
  [
    "lists with empty entries, ports and other spellings of addresses are understood; what cannot be read ends them",
    trusting,
    async ({ edge, url }) => {
      await using app = await tellingApp();
      await edge.apply(oneRoute("told/x", { hosts: ["told.test"], upstreams: [app.upstream("told-1")] }));
      for (const [chain, client, passed = chain] of [
        ["203.0.113.9,", "203.0.113.9"],
        [",203.0.113.9,,", "203.0.113.9"],
        ["203.0.113.9 ,\t10.1.2.3", "203.0.113.9"],
        ["203.0.113.9, [fd00::7]:80", "203.0.113.9"],
        ["[2001:db8::9]", "2001:db8::9"],
        ["203.0.113.9, ::ffff:10.1.2.3", "203.0.113.9"],
        ["203.0.113.9, unknown", proxy],
        ["unknown", proxy],
        ["203.0.113.9, 10.1", proxy],
        ["203.0.113.9, 1", proxy],
        ["203.0.113.9, 010.1.2.3", proxy],
        ["203.0.113.9, 10.1.2.3/8", proxy],
        ["203.0.113.9, fe80::1%eth0", proxy],
        ["203.0.113.9, [::1]x", proxy],
        ["203.0.113.9, _hidden, 10.1.2.3", "10.1.2.3"],
        ["", proxy, ""],
        [" , ,", proxy, ""],
      ] as const) {
        const answer = await ask(url, { host: "told.test", from: proxy, headers: { "x-forwarded-for": chain } });
        expect([answer.status, JSON.parse(answer.text)["x-real-ip"]], chain).toEqual([200, client]);
        const whole = passed === "" ? proxy : `${chain.trim()}, ${proxy}`;
        expect(JSON.parse(answer.text)["x-forwarded-for"]).toBe(whole);
      }
      const twice = `GET / HTTP/1.1\r\nHost: told.test\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9\r\n`;
      expect(await raw(url, `${twice}Connection: close\r\n\r\n`, proxy)).toContain('"x-real-ip":"203.0.113.9"');
    },
  ],
  [
    "whom a trusted proxy speaks for is never inside, whatever it says of him; the proxy itself is, and whoever is not believed",
    trusting,
    async ({ edge, url }) => {
      await using app = await sayingApp("inside");
      const inside = { callers: ["127.0.0.0/8", "10.0.0.0/8", "203.0.113.0/24"], doors: [] };
      const upstreams = [app.upstream("in-1")];
      await edge.apply(oneRoute("told/x", { hosts: ["brain.internal"], upstreams, inside }));
      const status = async (headers: Record<string, string>, from = proxy) =>
        (await ask(url, { host: "brain.internal", from, headers })).status;
      for (const chain of [
        "8.8.8.8, unknown",
        "8.8.8.8",
        "unknown",
        "",
        ",",
        proxy,
        "127.0.0.1",
        "10.1.2.3",
        "203.0.113.9",
      ]) {
        expect(await status({ "x-forwarded-for": chain }), chain).toBe(404);
      }
      for (const name of [
        "Forwarded",
        "X-Real-IP",
        "Via",
        "X-Forwarded-Proto",
        "X-Forwarded-Anything",
        "X_Forwarded_For",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Cluster-Client-IP",
        "X_Client_IP",
      ]) {
        expect(await status({ [name]: "for=8.8.8.8" }), name).toBe(404);
      }
      expect(await status({})).toBe(200);
      expect(await status({ "x-forwarded-for": "8.8.8.8", via: "1.1 next" }, "127.0.0.9")).toBe(200);
    },
  ],
  [
    "whom a PROXY protocol header announces is never inside either",
    { trust: [proxy], proxyProtocol: true },
    async ({ edge, url }) => {
      await using app = await sayingApp("inside");
      const inside = { callers: ["127.0.0.0/8", "203.0.113.0/24"], doors: [] };
      await edge.apply(oneRoute("told/x", { hosts: ["told.test"], upstreams: [app.upstream("in-1")], inside }));
      for (const header of [
        "PROXY TCP4 203.0.113.9 192.0.2.1 49153 443\r\n",
        `PROXY TCP4 ${proxy} 127.0.0.1 49153 443\r\n`,
        "PROXY UNKNOWN\r\n",
        binary(0x21, 0x11, client4),
        binary(0x20, 0x00, []),
      ]) {
        expect(await raw(url, header + told, proxy), header).toMatch(/^HTTP\/1\.1 404 /);
      }
      expect(await raw(url, told, "127.0.0.9")).toMatch(/^HTTP\/1\.1 200 /);
    },
  ],
  [
    "what a client asks over TLS as somebody is not compressed, by the edge or the app; files and plain HTTP are",
    trusting,
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => {
        const accepts = req.headers["accept-encoding"] ?? "nothing";
        res.writeHead(200, { "content-type": "text/html", "x-accepts": accepts }).end("lorem ipsum ".repeat(500));
      });
      await edge.apply(oneRoute("told/x", { hosts: ["told.test"], upstreams: [app.upstream("told-1")] }));
      const coded = async (path: string, headers: Record<string, string>, proto = "https") => {
        const all = { "accept-encoding": "gzip", "x-forwarded-proto": proto, ...headers };
        const answer = await ask(url, { host: "told.test", path, from: proxy, headers: all });
        expect(answer.headers["x-accepts"], path).toBe(answer.headers["content-encoding"] ?? "nothing");
        return answer.headers["content-encoding"] ?? null;
      };
      for (const somebody of [{ cookie: "session=1" }, { authorization: "Basic YTpi" }]) {
        for (const path of ["/", "/page.html", "/api?x=.js", "/app.js/x", "/css"]) {
          expect(await coded(path, somebody), path).toBeNull();
          expect(await coded(path, somebody, "http"), path).toBe("gzip");
          expect(await coded(path, {}), path).toBe("gzip");
        }
        for (const path of ["/app.js", "/a.CSS?v=1"]) expect(await coded(path, somebody), path).toBe("gzip");
      }
    },
  ],
  [
    "rates and access records are those of the client behind a trusted proxy, and so is HSTS",
    trusting,
    async ({ edge, url }) => {
      await using app = await sayingApp("fine");
      const limits = { ...plainRules.limits, rate: { requests: 1, windowMs: 60_000, burst: 1 } };
      const route = { hosts: ["told.test"], upstreams: [app.upstream("told-1")], headers: "secure" } as const;
      await edge.apply(oneRoute("told/x", { ...route, limits }));
      const records: AccessRecord[] = [];
      const stop = edge.records((batch) => records.push(...batch));
      const by = (client: string, from?: string) =>
        ask(url, { host: "told.test", from, headers: { "x-forwarded-for": client, "x-forwarded-proto": "https" } });
      const first = await by("203.0.113.1", proxy);
      const statuses = [first, await by("203.0.113.1", proxy), await by("203.0.113.2", proxy)];
      expect(statuses.map(({ status }) => status)).toEqual([200, 429, 200]);
      expect(first.headers["strict-transport-security"]).toBe("max-age=31536000; includeSubDomains");
      // Who is not believed has one rate, whatever names it gives itself, and came without TLS.
      const liar = await by("203.0.113.3");
      expect([liar.status, liar.headers["strict-transport-security"]]).toEqual([200, undefined]);
      expect((await by("203.0.113.4")).status).toBe(429);
      await seen(
        async () => (await by("203.0.113.9", proxy), records.some(({ client }) => client === "203.0.113.9")),
        (found) => found,
      );
      stop();
      expect(records.map(({ client }) => client)).not.toContain("203.0.113.3");
    },
  ],
  [
    "PROXY protocol: both versions tell the client of a whole connection",
    announcing,
    async ({ edge, url }) => {
      await using app = await tellingApp();
      await edge.apply(oneRoute("told/x", { hosts: ["told.test"], upstreams: [app.upstream("told-1")] }));
      for (const [header, client] of [
        ["PROXY TCP4 203.0.113.9 192.0.2.1 49153 443\r\n", "203.0.113.9"],
        ["PROXY TCP6 2001:db8::9 2001:db8::1 49153 443\r\n", "2001:db8::9"],
        ["PROXY UNKNOWN\r\n", proxy],
        [binary(0x21, 0x11, client4), "203.0.113.9"],
        [binary(0x21, 0x11, [...client4, 0x04, 0x00, 0x02, 1, 2]), "203.0.113.9"],
        [binary(0x21, 0x21, client6), "2001:db8::9"],
        [binary(0x20, 0x00, []), proxy],
      ] as const) {
        const answer = await raw(url, header + told, proxy);
        expect(answer, header).toMatch(/^HTTP\/1\.1 200 /);
        expect(answer).toContain(`"x-real-ip":"${client}"`);
        expect(answer).toContain(`"x-forwarded-for":"${client}"`);
        const port =
          client === proxy ? new URL(url).port : client.includes(":") && header.includes("\0") ? "257" : "443";
        expect(answer, header).toContain(`"x-forwarded-port":"${port}"`);
      }
    },
  ],
  [
    "PROXY protocol: what follows UNKNOWN and addresses of other families are skipped, a port that is none is refused",
    announcing,
    async ({ edge, url }) => {
      await using app = await tellingApp();
      await edge.apply(oneRoute("told/x", { hosts: ["told.test"], upstreams: [app.upstream("told-1")] }));
      for (const header of ["PROXY UNKNOWN and what follows\r\n", binary(0x21, 0x31, Array<number>(216).fill(1))]) {
        expect(await raw(url, header + told, proxy)).toContain(`"x-real-ip":"${proxy}"`);
      }
      expect(await raw(url, `PROXY TCP4 203.0.113.9 192.0.2.1 1 99999\r\n${told}`, proxy)).toBe("");
    },
  ],
  [
    "PROXY protocol: a header that comes byte by byte is understood",
    announcing,
    async ({ edge, url }) => {
      await using app = await tellingApp();
      await edge.apply(oneRoute("told/x", { hosts: ["told.test"], upstreams: [app.upstream("told-1")] }));
      for (const header of ["PROXY TCP4 203.0.113.9 192.0.2.1 49153 443\r\n", binary(0x21, 0x11, client4)]) {
        const socket = await dial(url, proxy);
        socket.setNoDelay(true);
        for (const byte of header + told.replace("Connection: close\r\n", "")) {
          await new Promise((resolve) => socket.write(byte, "latin1", resolve));
        }
        for (let turn = 0; turn < 3; turn += 1) {
          await textUntil(socket, /"x-real-ip":"203\.0\.113\.9".*\}/);
          socket.write(told.replace("Connection: close\r\n", ""));
        }
        socket.destroy();
      }
    },
  ],
  [
    "PROXY protocol: a trusted connection without a good header is cut, an untrusted one with a header is refused",
    announcing,
    async ({ edge, url }) => {
      await using app = await tellingApp();
      await edge.apply(oneRoute("told/x", { hosts: ["told.test"], upstreams: [app.upstream("told-1")] }));
      for (const header of [
        "",
        "PROXY TCP4 203.0.113.9\r\n",
        "PROXY TCP4 not-an-address 192.0.2.1 1 2\r\n",
        `PROXY ${"x".repeat(200)}`,
        binary(0x11, 0x11, client4),
        binary(0x21, 0x11, client4.slice(0, 4)),
        binary(0x21, 0x11, Array<number>(60_000).fill(1)),
      ]) {
        expect(await raw(url, header + told, proxy), JSON.stringify(header.slice(0, 60))).toBe("");
      }
      const untrusted = await raw(url, `PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n${told}`);
      expect(untrusted).toMatch(/^HTTP\/1\.1 400 /);
      expect(await raw(url, told)).toContain('"x-real-ip":"127.0.0.1"');
      const silent = await dial(url, proxy);
      const started = performance.now();
      await once(silent.resume(), "close");
      expect(performance.now() - started).toBeLessThan(20_000);
    },
  ],
];
