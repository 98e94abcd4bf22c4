import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request as plainRequest } from "node:http";
import { Agent, request } from "node:https";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { expect } from "vitest";
import { Secret } from "../../base/secret.ts";
import type { Edge, EdgeCertificate } from "../../ports/edge.ts";
import { type TestAuthority, testAuthority } from "../pki.ts";
import {
  ask,
  dial,
  type EdgeCase,
  nextText,
  oneRoute,
  type ProxiedEdgeCase,
  sayingApp,
  seen,
  testApp,
  textUntil,
} from "./edge-rig.ts";

/** OpenSSL's code for an alert; the one for an unknown name has a code of its own. */
const refused = /ALERT|UNRECOGNIZED_NAME/;

/** Certificates are served exactly as applied, so each case applies its own and those of another are gone. */
export const tlsCases: readonly EdgeCase[] = [
  [
    "the certificate is the one for the name that the client asks for: the exact one, else the wildcard one level up",
    async ({ edge }) => {
      const { authority, client } = await tls(edge);
      const exact = await authority.certificate(["one.sni.test", "two.sni.test"]);
      const wild = await authority.certificate(["*.sni.test"]);
      const other = await authority.certificate(["other.test"]);
      await edge.applyCertificates([wild, exact, other]);
      expect(await client.serial("one.sni.test")).toBe(serialOf(exact));
      expect(await client.serial("TWO.sni.test")).toBe(serialOf(exact));
      expect(await client.serial("three.sni.test")).toBe(serialOf(wild));
      expect(await client.serial("other.test")).toBe(serialOf(other));
    },
  ],
  [
    "a name without a certificate gets an alert and nobody else's certificate",
    async ({ edge }) => {
      const { authority, client } = await tls(edge);
      await edge.applyCertificates([await authority.certificate(["known.test", "*.wild.test"])]);
      for (const name of ["unknown.test", "wild.test", "a.b.wild.test", undefined]) {
        expect(await client.refusal(name), String(name)).toMatch(refused);
      }
      expect(await client.serial("known.test")).not.toBe("");
      await edge.applyCertificates([]);
      expect(await client.refusal("known.test")).toMatch(refused);
    },
  ],
  [
    "nothing older than TLS 1.2 is spoken",
    async ({ edge }) => {
      const { authority, client } = await tls(edge);
      await edge.applyCertificates([await authority.certificate(["old.test"])]);
      const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
      expect(await client.refusal("old.test", old)).toMatch(/ALERT|ERR_SSL/);
      const good = await client.open("old.test", { maxVersion: "TLSv1.2" });
      expect(good.getProtocol()).toBe("TLSv1.2");
      good.destroy();
    },
  ],
  [
    "over TLS the same routes are served, apps are told so, and only there the client is told to stay",
    async ({ edge, url }) => {
      const { authority, client } = await tls(edge);
      await using app = await testApp((req, res) => res.end(`${req.headers["x-forwarded-proto"]} ${req.url}`));
      const route = { hosts: ["proto.test"], upstreams: [app.upstream("proto-1")], headers: "secure" } as const;
      const bare = { hosts: ["bare-proto.test"], upstreams: [app.upstream("proto-2")] };
      await edge.apply(oneRoute("proto/x", route));
      await edge.apply(oneRoute("proto/y", bare));
      await edge.applyCertificates([await authority.certificate(["proto.test", "bare-proto.test"])]);
      const spoofed = { "x-forwarded-proto": "gopher", "strict-transport-security": "max-age=1" };
      const secure = await client.ask("proto.test", "/a?b=c", spoofed);
      expect([secure.status, secure.text]).toEqual([200, "https /a?b=c"]);
      expect(secure.headers["strict-transport-security"]).toBe("max-age=31536000; includeSubDomains");
      expect((await client.ask("bare-proto.test")).headers["strict-transport-security"]).toBeUndefined();
      await edge.applyCertificates([]);
      const plain = await ask(url, { host: "proto.test", headers: spoofed });
      expect([plain.status, plain.text]).toEqual([200, "http /"]);
      expect(plain.headers["strict-transport-security"]).toBeUndefined();
    },
  ],
  [
    "plain requests go to HTTPS in one step once there is a certificate, unless the route takes both",
    async ({ edge, url }) => {
      const { authority, client } = await tls(edge);
      const { port } = secureAddress(edge);
      await using app = await sayingApp("served");
      const upstreams = [app.upstream("turn-1")];
      await edge.applyCertificates([await authority.certificate(["turn.test", "*.turn.test"])]);
      for (const host of ["turn.test", "a.turn.test"]) {
        await edge.apply(oneRoute("turn/x", { hosts: [host], upstreams, https: "redirect" }));
        const answer = await ask(url, { host, path: "/x?y=1" });
        expect([answer.status, answer.headers.location]).toEqual([308, `https://${host}:${port}/x?y=1`]);
        expect((await client.ask(host)).text).toBe("served");
        await edge.apply(oneRoute("turn/x", { hosts: [host], upstreams, https: "both" }));
        expect((await ask(url, { host })).text).toBe("served");
      }
      await edge.apply(oneRoute("turn/x", { hosts: ["turn.test"], upstreams, https: "redirect" }));
      await edge.applyChallenges([{ token: "turn", answer: "turn.thumb" }]);
      const path = "/.well-known/acme-challenge/turn";
      expect((await ask(url, { host: "turn.test", path })).text).toBe("turn.thumb");
      await edge.applyChallenges([]);
      await edge.applyCertificates([]);
      expect((await ask(url, { host: "turn.test" })).text).toBe("served");
    },
  ],
  [
    "a WebSocket over TLS carries bytes both ways, and lives on over a change of certificates",
    async ({ edge }) => {
      const { authority, client } = await tls(edge);
      await using app = await sayingApp("");
      app.server.on("upgrade", (_req, socket) => {
        const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${accept}\r\n\r\n`,
        );
        socket.on("data", (chunk: Buffer) => socket.write(`echo ${chunk}`));
        socket.on("end", () => socket.end());
      });
      await edge.apply(oneRoute("wss/x", { hosts: ["wss.test"], upstreams: [app.upstream("wss-1")] }));
      await edge.applyCertificates([await authority.certificate(["wss.test"])]);
      const socket = await client.open("wss.test");
      const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
      socket.write(`GET / HTTP/1.1\r\nHost: wss.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`);
      expect(await nextText(socket)).toMatch(/^HTTP\/1\.1 101 /);
      for (const word of ["one", "two", "three"]) {
        socket.write(word);
        expect(await nextText(socket)).toBe(`echo ${word}`);
        await edge.applyCertificates([await authority.certificate(["wss.test"])]);
      }
      socket.destroy();
    },
  ],
  [
    "certificates change under load: no request is lost, no connection closed, and new ones see the new certificate",
    async ({ edge }) => {
      const { authority, client } = await tls(edge);
      await using app = await sayingApp("served");
      await edge.apply(oneRoute("hot/x", { hosts: ["hot.test"], upstreams: [app.upstream("hot-1")] }));
      await edge.applyCertificates([await authority.certificate(["hot.test"])]);
      const load = keepAliveLoad(client, "hot.test");
      for (let round = 0; round < 5; round += 1) {
        const before = load.answers();
        const next = await authority.certificate(["hot.test"]);
        await edge.applyCertificates([next]);
        expect(await client.serial("hot.test")).toBe(serialOf(next));
        await seen(load.answers, (answers) => answers > before + 50);
      }
      expect(await load.end()).toEqual({ failures: [], connections: 4 });
    },
  ],
  [
    "a bad certificate is refused as a whole, and the old ones serve on",
    async ({ edge }) => {
      const { authority, client } = await tls(edge);
      const good = await authority.certificate(["good.test"]);
      const other = await authority.certificate(["fresh.test"]);
      await edge.applyCertificates([good]);
      const bad: EdgeCertificate[] = [
        { ...other, key: good.key },
        { ...other, key: new Secret("-----BEGIN PRIVATE KEY-----\nc3VwZXJzZWNyZXQ=\n-----END PRIVATE KEY-----\n") },
        { ...other, key: new Secret("") },
        { ...other, chain: "" },
        { ...other, chain: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" },
        { ...other, chain: other.chain + other.chain.replace(/M[\w+/]{20}/, "AAAA") },
        { ...other, hosts: [] },
        { ...other, hosts: ["not a host"] },
        { ...other, hosts: ["good.test"] },
      ];
      for (const one of bad) {
        const fault = await edge.applyCertificates([good, one]).catch((thrown: unknown) => thrown);
        expect(fault).toMatchObject({ code: "certificate.invalid" });
        expect(JSON.stringify(fault)).not.toContain("c3VwZXJz");
      }
      expect(await client.serial("good.test")).toBe(serialOf(good));
      expect(await client.refusal("fresh.test")).toMatch(refused);
    },
  ],
  [
    "a certificate authority's question is answered for every host before routes and limits, and no other path is",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => res.end(`app ${req.url}`));
      const rate = { requests: 1, windowMs: 3_600_000, burst: 0 };
      const limits = { bodyBytes: 1_024, rate };
      await edge.apply(oneRoute("acme/x", { hosts: ["acme.test"], upstreams: [app.upstream("acme-1")], limits }));
      await edge.applyChallenges([
        { token: "first-Token_1", answer: "first-Token_1.thumb" },
        { token: "second", answer: "second.thumb" },
      ]);
      const at = (host: string, token: string) => ask(url, { host, path: `/.well-known/acme-challenge/${token}` });
      for (const host of ["acme.test", "acme.test:80", "nobody.test", "127.0.0.1"]) {
        for (let i = 0; i < 3; i += 1) {
          const answer = await at(host, "first-Token_1");
          expect([answer.status, answer.text], host).toEqual([200, "first-Token_1.thumb"]);
        }
      }
      expect((await at("nobody.test", "second")).text).toBe("second.thumb");
      expect((await at("acme.test", "of-the-app")).text).toBe("app /.well-known/acme-challenge/of-the-app");
      await edge.applyChallenges([{ token: "second", answer: "changed.thumb" }]);
      expect((await at("nobody.test", "second")).text).toBe("changed.thumb");
      expect((await at("nobody.test", "first-Token_1")).status).toBe(404);
      await edge.applyChallenges([]);
      expect((await at("nobody.test", "second")).status).toBe(404);
    },
  ],
  [
    "after a kill -9 it serves the last good certificates at the same address",
    async ({ edge, crash }) => {
      const { authority, client } = await tls(edge);
      const good = await authority.certificate(["kept.test"]);
      await edge.applyCertificates([good]);
      const before = edge.secureAddress();
      await crash();
      await edge.ensure();
      expect(edge.secureAddress()).toEqual(before);
      expect(await client.serial("kept.test")).toBe(serialOf(good));
    },
  ],
  [
    "plain HTTP at the port for TLS, and a handshake that never ends, harm nobody else",
    async ({ edge }) => {
      const { authority, client } = await tls(edge);
      await edge.applyCertificates([await authority.certificate(["calm.test"])]);
      const { host, port } = secureAddress(edge);
      const silent = await dial(`http://${host}:${port}`);
      const wrong = plainRequest({ host, port, path: "/", headers: { host: "calm.test" } });
      await expect(answered(wrong)).rejects.toThrow();
      expect(await client.serial("calm.test")).not.toBe("");
      silent.destroy();
    },
  ],
];

export const tlsProxyCases: readonly ProxiedEdgeCase[] = [
  [
    "PROXY protocol in front of TLS: the header comes first, and tells the client",
    { trust: ["127.0.0.2"], proxyProtocol: true },
    async ({ edge }) => {
      const { authority, client } = await tls(edge);
      const { host, port } = secureAddress(edge);
      await using app = await testApp((req, res) => res.end(`${req.headers["x-real-ip"]}`));
      await edge.apply(oneRoute("outer/x", { hosts: ["outer.test"], upstreams: [app.upstream("outer-1")] }));
      await edge.applyCertificates([await authority.certificate(["outer.test"])]);
      const outer = await dial(`http://${host}:${port}`, "127.0.0.2");
      outer.write("PROXY TCP4 203.0.113.9 192.0.2.1 49153 443\r\n");
      const socket = connect({ ca: client.options.ca, socket: outer, servername: "outer.test" });
      await once(socket, "secureConnect");
      socket.write("GET / HTTP/1.1\r\nHost: outer.test\r\n\r\n");
      await textUntil(socket, /203\.0\.113\.9$/);
      socket.destroy();
      expect((await client.ask("outer.test")).text).toMatch(/^(127\.0\.0\.1|::1)$/);
    },
  ],
];

/** Where the edge under test takes TLS. */
export function secureAddress(edge: Edge): { readonly host: string; readonly port: number } {
  const at = edge.secureAddress();
  expect(at).not.toBeNull();
  return at ?? { host: "", port: 0 };
}

function serialOf({ chain }: EdgeCertificate): string {
  return new X509Certificate(chain).serialNumber;
}

type ConnectOptions = Pick<ConnectionOptions, "minVersion" | "maxVersion" | "ciphers">;

interface TlsClient {
  /** A connection that trusts the tests' authority only. */
  open(name: string, more?: ConnectOptions): Promise<TLSSocket>;
  /** The serial number of the certificate that a new connection sees; it rejects when that one does not prove the name. */
  serial(name: string): Promise<string>;
  /** The code with which a connection fails. */
  refusal(name: string | undefined, more?: ConnectOptions): Promise<string>;
  ask(
    host: string,
    path?: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: IncomingMessage["headers"]; text: string }>;
  /** Where and as whom a client connects. */
  readonly options: { readonly host: string; readonly port: number; readonly ca: string };
}

async function tls(edge: Edge): Promise<{ authority: TestAuthority; client: TlsClient }> {
  const authority = await testAuthority();
  const options = { ...secureAddress(edge), ca: authority.root };
  const open = async (servername: string | undefined, more?: ConnectOptions) => {
    const socket = connect({ ...options, ...more, ...(servername === undefined ? {} : { servername }) });
    await once(socket, "secureConnect");
    return socket;
  };
  const client: TlsClient = {
    options,
    open,
    async serial(name) {
      const socket = await open(name);
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    },
    async refusal(name, more) {
      try {
        (await open(name, more)).destroy();
        return "no refusal";
      } catch (thrown) {
        return String((thrown as NodeJS.ErrnoException).code);
      }
    },
    ask: (host, path = "/", headers = {}) =>
      answered(request({ ...options, servername: host, path, agent: false, headers: { host, ...headers } })),
  };
  return { authority, client };
}

async function answered(outgoing: ClientRequest) {
  const arrived = once(outgoing, "response") as Promise<[IncomingMessage]>;
  outgoing.end();
  const [answer] = await arrived;
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() };
}

/** Four clients that keep their connection and ask again and again until the load ends. */
function keepAliveLoad({ options }: TlsClient, host: string) {
  let stop = false;
  let answers = 0;
  const failures: string[] = [];
  const sockets = new Set<unknown>();
  const clients = Array.from({ length: 4 }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!stop) {
      const outgoing = request({ ...options, servername: host, path: "/", agent, headers: { host } });
      outgoing.once("socket", (socket) => sockets.add(socket));
      const failure = await answered(outgoing).then(
        ({ status }) => (status === 200 ? null : String(status)),
        (error: Error) => error.message,
      );
      if (failure === null) answers += 1;
      else failures.push(failure);
    }
    agent.destroy();
  });
  return {
    answers: () => answers,
    async end() {
      stop = true;
      await Promise.all(clients);
      return { failures, connections: sockets.size };
    },
  };
}
