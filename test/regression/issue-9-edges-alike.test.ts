import { createServer, type IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { embeddedTestEdge as embeddedEdge } from "../../src/adapters/edge/embedded/test-edge.ts";
import { haproxyFiles } from "../../src/adapters/edge/haproxy/files.ts";
import { programRunner } from "../../src/adapters/edge/haproxy/program.ts";
import { haproxyTestEdge as haproxyEdge, run } from "../../src/adapters/edge/haproxy/test-edge.ts";
import { dial, type EdgeUnderTest, oneRoute, seen } from "../../src/testing/conformance/edge-rig.ts";
import { isExhaustive, seed } from "../../src/testing/exhaustive.ts";
import { oddRequest } from "../../src/testing/odd-requests.ts";

const count = isExhaustive ? 5_000 : 300;
const first = seed * 1_000_000;

const host = "odd.test";
/** Sent behind every request: whether it runs says if the edge still reads what comes on this connection. */
const probe = `GET /probe HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
/** Nothing comes for so long: what was sent is the begin of something. */
const quietMs = 2_500;

/** Where the edges may differ, and why that is right: each gives the app one meaning or none. */
const differences: readonly (readonly [why: string, meant: RegExp])[] = [
  ["HAProxy ends a line at a bare line feed too (RFC 9112 2.2)", /[^\r]\n/],
  ["HAProxy takes a second equal Host for none", /\nHost: (.*)\r\n(.*\r\n)*?Host: \1\r\n/i],
  ["HAProxy takes equal lengths for one (RFC 9110 8.6)", /Content-Length: (5, 5|.*\r\n(.*\r\n)*?Content-Length:)/i],
  [
    "Node knows the methods that are registered and no others",
    /^(?!(GET|POST|HEAD|PUT|OPTIONS|DELETE|CONNECT|M-SEARCH) )/,
  ],
  [
    "HAProxy drops a length beside chunked (RFC 9112 6.3)",
    /Content-Length(.*\r\n)+Transfer-Encoding|Transfer-Encoding(.*\r\n)+Content-Length/i,
  ],
  ["HAProxy joins a folded header (RFC 9112 5.2)", /\r\n /],
  [
    "HAProxy takes the scheme's own port out of a target's and of its host (RFC 9110 4.2.3)",
    /^\S+ http:\/\/[^/]*:80\//i,
  ],
  ["HAProxy refuses names of more than 255 characters", /X{256}/],
  ["HAProxy refuses a GET or DELETE of HTTP/1.0 with a body", /^(GET|HEAD|DELETE) .* HTTP\/1\.0\r\n/],
  ["Node reads nothing behind a request that asks for another protocol", /\nConnection: Upgrade\r\n/],
  [
    "HAProxy leaves an expectation to the app; Node closes behind an answer to one that it did not have to meet",
    /\nExpect: /,
  ],
];

/** What an edge makes of a request and of what was sent behind it. */
interface Verdict {
  /** Requests as the app got them, without what the edge itself says in them. */
  readonly ran: readonly unknown[];
  /** Answers of the app that came back, `100 Continue` aside. */
  readonly answered: number;
  readonly text: string;
}

const ofTheEdge =
  /^(x-forwarded-|x-real-ip$|x-request-id$|connection$|content-length$|transfer-encoding$|accept-encoding$)/;

interface Told {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly asked: string | string[] | undefined;
  readonly headers: readonly string[];
  readonly body: string;
}

async function tellOf(req: IncomingMessage): Promise<Told> {
  let body = "";
  for await (const chunk of req.setEncoding("latin1")) body += chunk;
  const headers: string[] = [];
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = (req.rawHeaders[i] ?? "").toLowerCase();
    if (!ofTheEdge.test(name)) headers.push(`${name}: ${req.rawHeaders[i + 1]}`);
  }
  return { method: req.method, url: req.url, asked: req.headers["x-forwarded-host"], headers: headers.sort(), body };
}

/** Sends requests to an edge, one after another, each on a connection of its own. */
async function verdicts(under: EdgeUnderTest, requests: readonly string[]): Promise<readonly Verdict[]> {
  let ran: unknown[] = [];
  let underWay = 0;
  const app = createServer((req, res) => {
    underWay += 1;
    res.once("close", () => {
      underWay -= 1;
    });
    void tellOf(req).then(
      (told) => {
        ran.push(told);
        res.setHeader("x-app", "1").end();
      },
      () => req.socket.destroy(),
    );
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  const place = app.address();
  const port = typeof place === "object" && place !== null ? place.port : 0;
  const upstreams = [{ id: "odd-1", release: 1, host: "127.0.0.1", port, weight: 1 }];
  const limits = { bodyBytes: 1_000, rate: null };
  await under.edge.apply(oneRoute("odd/x", { hosts: [host], upstreams, limits }));
  const all: Verdict[] = [];
  for (const request of requests) {
    ran = [];
    const text = await exchange(under.url, request + probe);
    await seen(
      () => underWay,
      (open) => open === 0,
    );
    all.push({ ran, answered: text.match(/^x-app: 1\r$/gim)?.length ?? 0, text });
  }
  app.closeAllConnections();
  app.close();
  return all;
}

async function exchange(url: string, bytes: string): Promise<string> {
  const socket = await dial(url);
  let text = "";
  let quiet: NodeJS.Timeout | undefined;
  const again = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => socket.destroy(), quietMs);
  };
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
    again();
  });
  again();
  socket.write(bytes, "latin1");
  await new Promise((resolve) => socket.on("close", resolve));
  clearTimeout(quiet);
  return text;
}

const installed = await programRunner(run, haproxyFiles("/nowhere"))
  .version()
  .catch(() => null);

test("both edges make the same of odd requests, and none runs that was refused", { timeout: 3_600_000 }, async ({
  skip,
}) => {
  if (installed === null) return skip("no haproxy is installed here");
  const seeds = Array.from({ length: count }, (_none, index) => first + index);
  const requests = seeds.map((seed) => oddRequest(seed, host));
  await using embedded = await embeddedEdge();
  await using haproxy = await haproxyEdge();
  const [one, other] = await Promise.all([verdicts(embedded, requests), verdicts(haproxy, requests)]);
  const odd: unknown[] = [];
  for (const [index, request] of requests.entries()) {
    const [left, right] = [one[index], other[index]];
    if (left === undefined || right === undefined) continue;
    for (const { ran, answered } of [left, right]) {
      if (ran.length > answered) odd.push([request, "ran and was refused", ran]);
    }
    if (JSON.stringify(left.ran) === JSON.stringify(right.ran)) continue;
    if (differences.some(([, meant]) => meant.test(request))) continue;
    odd.push([request, left.ran, left.text.slice(0, 40), right.ran, right.text.slice(0, 40)]);
  }
  expect(odd.length, JSON.stringify(odd.slice(0, 60), null, 1)).toBe(0);
});
