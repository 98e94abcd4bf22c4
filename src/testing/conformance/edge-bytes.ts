import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect } from "vitest";
import type { Upstream } from "../../model/route.ts";
import { dial, type EdgeCase, type EdgeUnderTest, oneRoute, raw, seen, textUntil } from "./edge-rig.ts";

interface BareApp extends AsyncDisposable {
  upstream(id: string): Upstream;
}

/** An app of bare bytes: told of the head of each request, a character a byte. */
async function bareApp(serve: (head: string, socket: Socket) => void): Promise<BareApp> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
    void textUntil(socket, /\r\n\r\n/).then((text) => serve(text, socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    upstream: (id) => ({ id, release: 1, host: "127.0.0.1", port, weight: 1 }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const utf8 = (text: string) => Buffer.from(text).toString("latin1");

/** Values as apps send them, a character a byte: Latin-1, UTF-8, and bytes that are neither. */
const values = [
  "r\xe9sum\xe9.pdf",
  utf8("résumé.pdf"),
  utf8("日本.pdf"),
  utf8("😀"),
  "\x80\xff\xfe\xc3",
  "a\tb",
  "\xa0",
];

const close = "Connection: close\r\n\r\n";

/** How an app frames an answer with this header: the order of headers matters to some. */
const framings: readonly ((header: string) => string)[] = [
  (header) => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${header}\r\n${close}ok`,
  (header) => `HTTP/1.1 200 OK\r\n${header}\r\nContent-Length: 2\r\n${close}ok`,
  (header) => `HTTP/1.1 200 OK\r\n${header}\r\nTransfer-Encoding: chunked\r\n${close}2\r\nok\r\n0\r\n\r\n`,
  (header) => `HTTP/1.1 200 OK\r\n${header}\r\n${close}ok`,
  (header) => `HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n${header}\r\n${header}\r\n${close}ok`,
];

const names = ["Content-Disposition", "X-Name", "Set-Cookie", "Location"];

/** Answers that are none, with the mark `split` where a header would be if the line broke. */
const broken: readonly string[] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: a\rsplit: b\r\n\r\nok",
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX A: a\r\n\r\nok",
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-\xe9: a\r\n\r\nok",
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n: a\r\n\r\nok",
];

const upload = 3_000_000;

/** Uploads that their app answers before it has read them. */
const uploads: readonly (readonly [what: string, headers: string, chunked: boolean])[] = [
  ["announced", `Content-Length: ${upload}\r\n`, false],
  ["chunked", "Transfer-Encoding: chunked\r\n", true],
  ["after 100-continue", `Content-Length: ${upload}\r\nExpect: 100-continue\r\n`, false],
];

const refusals = [
  "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n\r\ntoo large",
  "HTTP/1.0 401 Unauthorized\r\nConnection: close\r\nContent-Length: 11\r\n\r\nwho are you",
  "HTTP/1.1 303 See Other\r\nLocation: /login\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nlog\r\n0\r\n\r\n",
];

const endless = [
  "HTTP/1.0 401 Unauthorized\r\nConnection: close\r\n\r\nwho are you",
  "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\nwho are you",
];

/** Uploads of which the app reads no more than the head before it answers so and is gone. */
async function refuseUploads({ edge, url }: EdgeUnderTest, answers: readonly string[]): Promise<void> {
  let answer = "";
  const closed: Promise<unknown>[] = [];
  await using app = await bareApp((_head, socket) => {
    // What is unread when an app closes makes the system reset its connection.
    const body = answer.indexOf("\r\n\r\n") + 4;
    closed.push(new Promise((resolve) => socket.once("close", resolve)));
    socket.write(answer.slice(0, body), () => socket.write(answer.slice(body), () => socket.resetAndDestroy()));
  });
  const limits = { bodyBytes: 10_000_000, rate: null };
  await edge.apply(oneRoute("cut/x", { hosts: ["cut.test"], upstreams: [app.upstream("cut-1")], limits }));
  let asked = 0;
  for (const [what, headers, chunked] of uploads) {
    for (answer of answers) {
      for (let turn = 0; turn < 3; turn += 1) {
        asked += 1;
        const gone = () =>
          seen(
            () => closed.length,
            (count) => count >= asked,
          ).then(() => closed.at(-1));
        const head = `POST / HTTP/1.1\r\nHost: cut.test\r\n${headers}\r\n`;
        const got = await uploadAll(await dial(url), { head, chunked, gone });
        const status = answer.slice(9, 12);
        expect(
          got.match(/^HTTP\/1\.[01] (?!100)\d+/gm)?.map((line) => line.slice(9)),
          what,
        ).toEqual([status]);
        expect(got, what).toMatch(/too large|who are you|log/);
        expect(closed.length, "a connection of the app that was used again").toBe(asked);
      }
    }
  }
}

interface Upload {
  readonly head: string;
  readonly chunked: boolean;
  /** Its app has answered, and closed. */
  readonly gone: () => Promise<unknown>;
}

/** Sends a whole upload before it reads a byte, as many clients do, and most of it once its app is gone; gives back what it reads then. */
async function uploadAll(socket: Socket, { head, chunked, gone }: Upload): Promise<string> {
  socket.write(head);
  let text = head.includes("Expect") ? await textUntil(socket, /\r\n\r\n/) : "";
  const piece = Buffer.alloc(100_000);
  for (let sent = 0; sent < upload; sent += piece.length) {
    const bytes = chunked ? [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")] : [piece];
    await new Promise((resolve) => socket.write(Buffer.concat(bytes), resolve));
    if (socket.destroyed) break;
    if (sent === 0) await gone();
  }
  if (chunked) socket.write("0\r\n\r\n");
  while (!socket.destroyed && !/\r\n\r\n.*(too large|who are you|log\r\n0)/s.test(text)) {
    const more = await Promise.race([once(socket, "readable"), once(socket, "close").then(() => null)]);
    if (more === null) break;
    text += ((socket.read() as Buffer | null) ?? "").toString("latin1");
  }
  socket.destroy();
  return text;
}

export const bytesCases: readonly EdgeCase[] = [
  [
    "values of an answer's headers reach the client as the bytes they were, however the app frames its answer",
    async ({ edge, url }) => {
      let answer = "";
      await using app = await bareApp((_head, socket) => socket.end(answer, "latin1"));
      await edge.apply(oneRoute("bytes/x", { hosts: ["bytes.test"], upstreams: [app.upstream("bytes-1")] }));
      for (const name of names) {
        for (const value of values) {
          const header = `${name}: x${value}y`;
          for (const frame of framings) {
            answer = frame(header);
            const got = await raw(url, `GET / HTTP/1.1\r\nHost: bytes.test\r\n${close}`);
            expect(got, answer).toMatch(/^HTTP\/1\.1 (200|404) /);
            expect(got.toLowerCase()).toContain(header.toLowerCase());
            expect(got).toContain(value);
            expect(got).toContain("ok");
          }
        }
      }
    },
  ],
  [
    "values of a request's headers reach the app as the bytes they were, an upgrade's too, and so do those of its answer",
    async ({ edge, url }) => {
      const heads: string[] = [];
      await using app = await bareApp((head, socket) => {
        heads.push(head);
        socket.resume();
        const [, value] = /x-name: (.*)\r\n/i.exec(head) ?? [];
        if (!/upgrade: websocket/i.test(head)) socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${close}`, "latin1");
        else if (head.startsWith("GET /no ")) {
          socket.end(`HTTP/1.1 403 Forbidden\r\nX-Back: ${value}\r\nContent-Length: 0\r\n${close}`, "latin1");
        } else {
          const more =
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: Upgrade\r\nUpgrade: websocket";
          socket.end(`HTTP/1.1 101 Switching Protocols\r\nX-Back: ${value}\r\n${more}\r\n\r\n`, "latin1");
        }
      });
      await edge.apply(oneRoute("toapp/x", { hosts: ["toapp.test"], upstreams: [app.upstream("toapp-1")] }));
      const upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
      for (const value of values) {
        const name = `X-Name: x${value}y\r\n`;
        await raw(url, `GET / HTTP/1.1\r\nHost: toapp.test\r\n${name}${close}`);
        expect(heads.at(-1)?.toLowerCase()).toContain(name.toLowerCase());
        for (const path of ["/yes", "/no"]) {
          const socket = await dial(url);
          socket.write(`GET ${path} HTTP/1.1\r\nHost: toapp.test\r\n${name}${upgrade}`, "latin1");
          const got = await textUntil(socket, /\r\n\r\n/);
          socket.destroy();
          expect(got).toMatch(path === "/yes" ? /^HTTP\/1\.1 101 / : /^HTTP\/1\.1 403 /);
          expect(heads.at(-1)?.toLowerCase()).toContain(name.toLowerCase());
          expect(got.toLowerCase()).toContain(`x-back: x${value}y\r\n`.toLowerCase());
        }
      }
    },
  ],
  [
    "hints before an answer, and fields behind it, reach the client as the bytes they were",
    async ({ edge, url }) => {
      await using app = await bareApp((_head, socket) => {
        const hint = `HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; title="${utf8("日")}"\r\n\r\n`;
        const fields = `X-Sum: ${utf8("日")}\r\nX-More: \xe9\r\n`;
        socket.end(
          `${hint}HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${fields}\r\n`,
          "latin1",
        );
      });
      await edge.apply(oneRoute("hints/x", { hosts: ["hints.test"], upstreams: [app.upstream("hints-1")] }));
      const got = await raw(url, `GET / HTTP/1.1\r\nHost: hints.test\r\nTE: trailers\r\n${close}`);
      const [hint = "", head = "", body = ""] = got.split(/(?<=\r\n\r\n)/);
      expect(hint).toMatch(/^HTTP\/1\.1 103 /);
      expect(hint).toContain(`rel=preload; title="${utf8("日")}"\r\n`);
      expect(head).toMatch(/^HTTP\/1\.1 200 /);
      expect(body.toLowerCase()).toBe(`2\r\nok\r\n0\r\nx-sum: ${utf8("日")}\r\nx-more: \xe9\r\n\r\n`.toLowerCase());
    },
  ],
  [
    "an answer with a header that is none is 502 and never two headers",
    async ({ edge, url }) => {
      let answer = "";
      await using app = await bareApp((_head, socket) => socket.end(answer, "latin1"));
      await edge.apply(oneRoute("split/x", { hosts: ["split.test"], upstreams: [app.upstream("split-1")] }));
      for (answer of broken) {
        const got = await raw(url, `GET / HTTP/1.1\r\nHost: split.test\r\n${close}`);
        expect(got, JSON.stringify(answer)).toMatch(/^HTTP\/1\.1 502 /);
        expect(got).not.toMatch(/^split:/m);
      }
    },
  ],
  [
    "an answer with a control character in a header is 502",
    async ({ edge, url }) => {
      let answer = "";
      await using app = await bareApp((_head, socket) => socket.end(answer, "latin1"));
      await edge.apply(oneRoute("control/x", { hosts: ["control.test"], upstreams: [app.upstream("control-1")] }));
      for (const sign of "\0\x01\x1b\x7f") {
        answer = `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: a${sign}b\r\n\r\nok`;
        expect(await raw(url, `GET / HTTP/1.1\r\nHost: control.test\r\n${close}`)).toMatch(/^HTTP\/1\.1 502 /);
      }
    },
  ],
  [
    "an app's answer to an upload that it does not read reaches the client whole, while it sends and behind it",
    (under) => refuseUploads(under, refusals),
  ],
  [
    "an answer to an upload that ends with its connection reaches the client whole, too",
    (under) => refuseUploads(under, endless),
  ],
];
