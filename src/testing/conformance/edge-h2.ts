import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectTls } from "node:tls";
import { expect } from "vitest";
import type { Edge } from "../../ports/edge.ts";
import { testAuthority } from "../pki.ts";
import { type EdgeCase, oneRoute, sayingApp, seen, type TestApp, testApp } from "./edge-rig.ts";
import { secureAddress } from "./edge-tls.ts";

const largeBytes = 8 * 1024 * 1024;

/** An app that says how long a body it got. */
function measuringApp(): Promise<TestApp> {
  return testApp((req, res) => {
    let bytes = 0;
    req.on("error", () => undefined);
    req.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    req.on("end", () => res.end(`${bytes} bytes`));
  });
}

export const h2Cases: readonly EdgeCase[] = [
  [
    "HTTP/2: streams of one connection are under way at once, each with its own headers and body",
    async ({ edge }) => {
      const held: (() => void)[] = [];
      await using app = await testApp((req, res) => {
        let body = "";
        req.setEncoding("utf8").on("data", (chunk: string) => {
          body += chunk;
        });
        const { "x-stream": stream, host, cookie, "x-forwarded-proto": proto } = req.headers;
        const answer = () => {
          res.writeHead(201, { "x-echo": stream });
          res.end(JSON.stringify({ method: req.method, url: req.url, host, proto, cookie, body }));
        };
        req.on("end", () => held.push(answer));
      });
      await edge.apply(oneRoute("h2/x", { hosts: ["h2.test"], upstreams: [app.upstream("h2-1")] }));
      await using client = await h2Client(edge, "h2.test");
      const answers = Array.from({ length: 20 }, (_none, index) => {
        const headers = { ":method": "PUT", "x-stream": `s-${index}`, cookie: `a=${index}` };
        return client.ask(`/p/${index}?q=%2F`, { headers, body: `body ${index}` });
      });
      await seen(
        () => held.length,
        (count) => count === 20,
      );
      for (const answer of held.reverse()) answer();
      for (const [index, { status, headers, text }] of (await Promise.all(answers)).entries()) {
        expect([status, headers["x-echo"]]).toEqual([201, `s-${index}`]);
        const told = { method: "PUT", url: `/p/${index}?q=%2F`, host: "h2.test", proto: "https" };
        expect(JSON.parse(text)).toEqual({ ...told, cookie: `a=${index}`, body: `body ${index}` });
      }
    },
  ],
  [
    "HTTP/2: events arrive one by one beside other requests of the connection, and while their own request is still open",
    async ({ edge }) => {
      let send: (text: string) => void = () => undefined;
      await using app = await testApp((req, res) => {
        if (req.url !== "/events") return void res.end("beside");
        res.writeHead(200, { "content-type": "text/event-stream" });
        send = (text) => res.write(`data: ${text}\n\n`);
        send("first");
      });
      await edge.apply(oneRoute("h2sse/x", { hosts: ["h2sse.test"], upstreams: [app.upstream("h2sse-1")] }));
      await using client = await h2Client(edge, "h2sse.test");
      const events = client.open("/events", { "accept-encoding": "gzip" }).setEncoding("utf8");
      expect((await once(events, "data"))[0]).toBe("data: first\n\n");
      for (const word of ["second", "third"]) {
        expect((await client.ask("/")).text).toBe("beside");
        send(word);
        expect((await once(events, "data"))[0]).toBe(`data: ${word}\n\n`);
      }
      events.close();
      await seen(
        () => edge.observe("h2sse/x"),
        ({ stats }) => stats["h2sse-1"]?.active === 0,
      );
    },
  ],
  [
    "HTTP/2: a large upload passes whole, and one that announces more than the limit is 413",
    async ({ edge }) => {
      await using app = await measuringApp();
      const limits = { bodyBytes: largeBytes, rate: null };
      await edge.apply(oneRoute("h2up/x", { hosts: ["h2up.test"], upstreams: [app.upstream("h2up-1")], limits }));
      await using client = await h2Client(edge, "h2up.test");
      const body = Buffer.alloc(largeBytes, "0123456789abcdef");
      const headers = { ":method": "POST" };
      expect((await client.ask("/", { headers, body })).text).toBe(`${largeBytes} bytes`);
      const announced = { ...headers, "content-length": largeBytes };
      expect((await client.ask("/", { headers: announced, body })).text).toBe(`${largeBytes} bytes`);
      const over = client.open("/", { ...headers, "content-length": largeBytes + 1 });
      const [answer] = await once(over, "response");
      expect(answer[":status"]).toBe(413);
      over.close();
      expect((await client.ask("/")).text).toBe("0 bytes");
    },
  ],
  [
    "HTTP/2: a body over the limit whose length is not announced is 413, and its connection serves on",
    async ({ edge }) => {
      await using app = await measuringApp();
      const limits = { bodyBytes: 100_000, rate: null };
      await edge.apply(oneRoute("h2over/x", { hosts: ["h2over.test"], upstreams: [app.upstream("h2over-1")], limits }));
      await using client = await h2Client(edge, "h2over.test");
      const post = (bytes: number) => client.ask("/", { headers: { ":method": "POST" }, body: Buffer.alloc(bytes) });
      expect((await post(100_000)).text).toBe("100000 bytes");
      expect((await post(100_001)).status).toBe(413);
      expect((await post(100_000)).text).toBe("100000 bytes");
    },
  ],
  [
    "HTTP/2: an exchange of instances while a connection is open loses no request and leaves it open",
    async ({ edge }) => {
      await using first = await sayingApp("first");
      await using second = await sayingApp("second");
      const hosts = ["h2swap.test"];
      await edge.apply(oneRoute("h2swap/x", { hosts, upstreams: [first.upstream("h2swap-1")] }));
      await using client = await h2Client(edge, "h2swap.test");
      let stop = false;
      const sequences = Array.from({ length: 8 }, async () => {
        const said: string[] = [];
        while (!stop) said.push((await client.ask("/")).text);
        return said;
      });
      const served = (id: string) =>
        seen(
          () => edge.observe("h2swap/x"),
          ({ stats }) => (stats[id]?.requests ?? 0) > 100,
        );
      await served("h2swap-1");
      await edge.apply(oneRoute("h2swap/x", { hosts, upstreams: [], holdMs: 20_000 }));
      const waiting = client.ask("/");
      await edge.apply(oneRoute("h2swap/x", { hosts, upstreams: [second.upstream("h2swap-2")] }));
      expect((await waiting).text).toBe("second");
      await served("h2swap-2");
      stop = true;
      for (const said of await Promise.all(sequences)) {
        expect(new Set(said)).toEqual(new Set(["first", "second"]));
        expect(said.lastIndexOf("first")).toBeLessThan(said.indexOf("second"));
      }
      expect(client.session.closed).toBe(false);
    },
  ],
  [
    "HTTP/2: a host or target that is none is refused and reaches no app, and others are served",
    async ({ edge }) => {
      const asked: unknown[] = [];
      await using app = await testApp((req, res) => {
        asked.push([req.url, req.headers.host, req.headers["x-forwarded-host"]]);
        res.end("fine");
      });
      await edge.apply(oneRoute("h2odd/x", { hosts: ["h2odd.test"], upstreams: [app.upstream("h2odd-1")] }));
      await using client = await h2Client(edge, "h2odd.test");
      for (const odd of oddities) {
        const stream = client.open(String(odd[":path"] ?? "/"), odd);
        const status = await new Promise((resolve) => {
          stream.once("response", (answer) => resolve(answer[":status"]));
          stream.once("error", () => resolve("refused"));
          stream.once("close", () => resolve("refused"));
        });
        stream.close();
        expect([400, "refused"], JSON.stringify([odd, asked])).toContain(status);
      }
      expect(asked).toEqual([]);
      await using fresh = await h2Client(edge, "h2odd.test");
      expect((await fresh.ask("/a?b", { headers: { ":authority": "H2odd.test:8443" } })).text).toBe("fine");
      // `:authority` stands in the place of Host (RFC 9113 8.3.1).
      expect((await fresh.ask("/", { headers: { ":authority": "h2odd.test", host: "evil.com" } })).text).toBe("fine");
      expect(asked).toEqual([
        ["/a?b", "H2odd.test:8443", "H2odd.test:8443"],
        ["/", "h2odd.test", "h2odd.test"],
      ]);
    },
  ],
];

/** Pseudo-headers that name no host and path of this edge. */
const oddities: readonly OutgoingHttpHeaders[] = [
  { ":authority": "h2odd.test@evil.com" },
  { ":authority": "evil.com@h2odd.test" },
  { ":authority": "h2odd.test:80:80" },
  { ":authority": "h2odd.test/evil.com" },
  { ":scheme": "ftp" },
  { ":path": "h2odd.test/" },
  { ":path": "/#a" },
  { ":path": "" },
];

/** The sentences of all these cases, for an edge that speaks no HTTP/2. */
export const h2Sentences: readonly string[] = h2Cases.map(([sentence]) => sentence);

interface H2Ask {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

interface H2Client extends AsyncDisposable {
  /** The one connection of this client. */
  readonly session: ClientHttp2Session;
  /** A request whose body is still to come. */
  open(path: string, headers: OutgoingHttpHeaders): ClientHttp2Stream;
  ask(path: string, more?: H2Ask): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>;
}

/** One connection over TLS to an edge that gets a certificate for the host, on which nothing but HTTP/2 is offered. */
async function h2Client(edge: Edge, host: string): Promise<H2Client> {
  const authority = await testAuthority();
  await edge.applyCertificates([await authority.certificate([host])]);
  const options = { ...secureAddress(edge), ca: authority.root, servername: host, ALPNProtocols: ["h2"] };
  const session = connect(`https://${host}`, { createConnection: () => connectTls(options) });
  await once(session, "connect");
  return {
    session,
    open: (path, headers) => session.request({ ":path": path, ...headers }, { endStream: false }),
    async ask(path, { headers = {}, body } = {}) {
      const stream = session.request({ ":path": path, ...headers }, { endStream: body === undefined });
      const ended = Promise.all([once(stream, "response"), once(stream, "end")]);
      let text = "";
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      if (body !== undefined) stream.end(body);
      const [[answer]] = await ended;
      return { status: Number(answer[":status"]), headers: answer, text };
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      await edge.applyCertificates([]);
    },
  };
}
