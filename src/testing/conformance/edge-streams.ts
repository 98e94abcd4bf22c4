import { createHash } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import type { Duplex } from "node:stream";
import { createGunzip } from "node:zlib";
import { expect } from "vitest";
import { ask, dial, type EdgeCase, nextText, oneRoute, seen, type TestApp, testApp } from "./edge-rig.ts";

/** An app that agrees to any WebSocket and sends every byte back, with its name in front of the first. */
async function echoApp(name: string): Promise<TestApp> {
  const app = await testApp((_req, res) => res.writeHead(426).end("upgrade first"));
  app.server.on("upgrade", (req, socket: Duplex) => {
    const key = `${req.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    const head = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
    socket.on("error", () => socket.destroy());
    socket.write(`${head.join("\r\n")}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n${name}`);
    socket.pipe(socket);
  });
  return app;
}

const upgradeText = (host: string) =>
  `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

export const streamCases: readonly EdgeCase[] = [
  [
    "the first event of a stream arrives before there is another and every later one by itself, also across a change",
    async ({ edge, url }) => {
      let send: (text: string) => void = () => undefined;
      await using app = await testApp((_req, res) => {
        res.writeHead(200, { "content-type": "text/event-stream" });
        send = (text) => res.write(`data: ${text}\n\n`);
        send("first");
      });
      await using next = await testApp((_req, res) => res.end("next"));
      await edge.apply(oneRoute("sse/x", { hosts: ["sse.test"], upstreams: [app.upstream("sse-1")] }));
      const { hostname, port } = new URL(url);
      const headers = { host: "sse.test", "accept-encoding": "gzip" };
      const outgoing = request({ hostname, port, headers, agent: false }).end();
      const [answer] = await once(outgoing, "response");
      answer.setEncoding("utf8");
      expect((await once(answer, "data"))[0]).toBe("data: first\n\n");
      await edge.apply(oneRoute("sse/x", { hosts: ["sse.test"], upstreams: [next.upstream("sse-2")] }));
      send("second");
      expect((await once(answer, "data"))[0]).toBe("data: second\n\n");
      const { stats } = await edge.observe("sse/x");
      expect(stats["sse-1"]?.active).toBe(1);
      answer.once("error", () => undefined);
      outgoing.destroy();
      await seen(
        () => edge.observe("sse/x"),
        (state) => state.stats["sse-1"] === undefined,
      );
    },
  ],
  [
    "a compressed stream of text is passed on write by write",
    async ({ edge, url }) => {
      await using app = await testApp((_req, res) => {
        res.writeHead(200, { "content-type": "text/plain" });
        res.write("one");
      });
      await edge.apply(oneRoute("drip/x", { hosts: ["drip.test"], upstreams: [app.upstream("drip-1")] }));
      const { hostname, port } = new URL(url);
      const headers = { host: "drip.test", "accept-encoding": "gzip" };
      const outgoing = request({ hostname, port, headers, agent: false }).end();
      const [answer] = await once(outgoing, "response");
      expect(answer.headers["content-encoding"]).toBe("gzip");
      // Bytes alone would prove nothing, as a coder sends its own header first: the text itself must be readable.
      const text = createGunzip();
      text.once("error", () => undefined);
      answer.once("error", () => undefined);
      answer.pipe(text);
      expect(String((await once(text, "data"))[0])).toBe("one");
      outgoing.destroy();
    },
  ],
  [
    "a WebSocket echoes, lives on across a change, and counts as active until it ends",
    async ({ edge, url }) => {
      await using app = await echoApp("old ");
      await using next = await echoApp("new ");
      await edge.apply(oneRoute("ws/x", { hosts: ["ws.test"], upstreams: [app.upstream("ws-1")] }));
      const socket = await dial(url);
      socket.write(upgradeText("ws.test"));
      const head = await nextText(socket);
      expect(head).toMatch(/^HTTP\/1\.1 101 /);
      expect(head).toMatch(/sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
      if (!head.endsWith("old ")) expect(await nextText(socket)).toBe("old ");
      socket.write("ping");
      expect(await nextText(socket)).toBe("ping");
      await edge.apply(oneRoute("ws/x", { hosts: ["ws.test"], upstreams: [next.upstream("ws-2")] }));
      socket.write("pong");
      expect(await nextText(socket)).toBe("pong");
      expect((await edge.observe("ws/x")).stats["ws-1"]?.active).toBe(1);
      socket.resume().end();
      await once(socket, "close");
      await seen(
        () => edge.observe("ws/x"),
        (state) => state.stats["ws-1"] === undefined,
      );
      const fresh = await dial(url);
      fresh.write(upgradeText("ws.test"));
      await seen(
        () => nextText(fresh),
        (text) => text.includes("new "),
      );
      fresh.destroy();
    },
  ],
  [
    "a WebSocket that the app declines gets the app's answer, and one to nobody gets the edge's",
    async ({ edge, url }) => {
      await using app = await testApp((_req, res) => res.end());
      app.server.on("upgrade", (_req, socket) => socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
      await edge.apply(oneRoute("wsno/x", { hosts: ["wsno.test"], upstreams: [app.upstream("wsno-1")] }));
      const socket = await dial(url);
      socket.write(upgradeText("wsno.test"));
      expect(await nextText(socket)).toMatch(/^HTTP\/1\.1 403 /);
      const lost = await dial(url);
      lost.write(upgradeText("nobody.test"));
      expect(await nextText(lost)).toMatch(/^HTTP\/1\.1 404 /);
      socket.destroy();
      lost.destroy();
    },
  ],
  [
    "large bodies pass whole in both directions",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => void req.pipe(res));
      const limits = { bodyBytes: 32 * 1024 * 1024, rate: null };
      await edge.apply(oneRoute("big/x", { hosts: ["big.test"], upstreams: [app.upstream("big-1")], limits }));
      const body = Buffer.alloc(8 * 1024 * 1024, "0123456789abcdef");
      const answer = await ask(url, { host: "big.test", method: "POST", body });
      expect(answer.body.equals(body)).toBe(true);
    },
  ],
];
