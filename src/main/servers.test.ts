import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type ClientRequest, request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiServer, apiDescriptors, serveSocket, usualLimits } from "./servers.ts";

const limits = { connections: 8, bodyIdleMs: 400, uploadMs: 1_500, bodyMs: 600, lookMs: 20 };
const source = "/v1/sources/sha256:00";
let path: string;
let server: ApiServer | null;
/** Bodies that were read to their end. */
let whole: number;

const serve = async (
  answer = async (given: Request) => new Response(String((await given.arrayBuffer()).byteLength)),
) => {
  server = await serveSocket(
    async (given) => {
      const response = await answer(given);
      whole += 1;
      return response;
    },
    path,
    limits,
  );
};

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), "fl-api-")), "s");
  server = null;
  whole = 0;
});

afterEach(async () => {
  await server?.close();
  rmSync(join(path, ".."), { recursive: true });
});

/** Sends one byte every so often until it is cut off, or so many were sent; how it went. */
async function upload(to: string, { everyMs, bytes }: { everyMs: number; bytes: number }): Promise<string> {
  const outgoing: ClientRequest = request({ socketPath: path, method: "PUT", path: to });
  const ended = new Promise<string>((resolve) => {
    outgoing.once("response", async (answer) => resolve((await answer.toArray()).join("")));
    outgoing.once("error", () => resolve("cut"));
  });
  for (let sent = 0; sent < bytes && !outgoing.destroyed; sent += 1) {
    outgoing.write("x");
    await pause(everyMs);
  }
  outgoing.end();
  return ended;
}

test("a body may take its time as long as its bytes flow; it is cut when they stop, or trickle for too long", async () => {
  await serve();
  // The first takes longer than a body may stand still, and than any other body may take.
  const ends = await Promise.all([
    upload(source, { everyMs: 50, bytes: 16 }),
    beginning(),
    upload(source, { everyMs: 50, bytes: 1_000 }),
    upload("/v1/other", { everyMs: 50, bytes: 1_000 }),
  ]);
  expect(ends).toEqual(["16", "cut", "cut", "cut"]);
});

/** A body of which only the beginning comes. */
function beginning(): Promise<string> {
  const outgoing = request({ socketPath: path, method: "PUT", path: source, headers: { "content-length": 10 } });
  outgoing.write("x");
  return new Promise((resolve) => outgoing.once("error", () => resolve("cut")));
}

test("a server that is slow to read cuts nobody off", async () => {
  await serve(async (given) => {
    await pause(1_000);
    return new Response(String((await given.arrayBuffer()).byteLength));
  });
  const outgoing = request({ socketPath: path, method: "PUT", path: source });
  outgoing.end(Buffer.alloc(4 * 1024 * 1024));
  const [answer] = await once(outgoing, "response");
  expect((await answer.toArray()).join("")).toBe(String(4 * 1024 * 1024));
});

test("however many connections are idle, a new one is served, and the one that waited longest goes for it", async () => {
  await serve();
  const idle: Socket[] = [];
  for (let n = 0; n < 50; n += 1) {
    const socket = connect(path);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    idle.push(socket);
  }
  expect(await upload(source, { everyMs: 1, bytes: 3 })).toBe("3");
  await expect
    .poll(() => idle.map((one) => one.closed || one.readableEnded))
    .toEqual([...Array(43).fill(true), ...Array(7).fill(false)]);
  for (const one of idle) one.destroy();
});

test("closing waits for requests that are under way, whose connections are cut", async () => {
  let go = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  await serve(() => held.then(() => new Response("late")));
  const outgoing = request({ socketPath: path, method: "GET", path: "/" }).on("error", () => undefined);
  outgoing.end();
  await once(outgoing, "socket");
  await pause(50);
  const closed = server?.close();
  expect(await Promise.race([closed?.then(() => "closed"), pause(100, "waits")])).toBe("waits");
  go();
  await closed;
  expect(whole).toBe(1);
});

test("of few descriptors connections of the API get a quarter", () => {
  expect([usualLimits(256), usualLimits(1_048_576)].map(({ connections }) => connections)).toEqual([64, 500]);
  expect(apiDescriptors()).toBeGreaterThan(64);
});
