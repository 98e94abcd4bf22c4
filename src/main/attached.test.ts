import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { attachCommand } from "../client/attached.ts";
import { frameBytes, windowBytes } from "../contract/frames.ts";
import { openShop, shopKey } from "./test-shop.ts";

const manifest = "version: 1\napp: shop\nenv: { WORD: x }\nservices: { web: { run: node web.js } }\n";
const path = "/v1/apps/shop/environments/production/attached-task";
const order = { is: "order", command: ["tool"], terminal: null };

let shop: Awaited<ReturnType<typeof openShop>>;

beforeEach(async () => {
  shop = await openShop(manifest);
  expect((await shop.run(["deploy"])).code).toBe(0);
});

afterEach(() => shop.close());

/** A client that does what a test says. */
async function connect(headers: Readonly<Record<string, string>> = {}) {
  const socket = new WebSocket(`ws+unix:${join(shop.root, ".fairlead/controller.sock")}:${path}`, { headers });
  const heard: { is?: string; problem?: { code: string; detail: string } }[] = [];
  const bytes: Buffer[] = [];
  socket.on("message", (message: Buffer, isBinary) => {
    if (isBinary) bytes.push(message);
    else heard.push(JSON.parse(message.toString()));
  });
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  const status = await new Promise<number>((resolve, reject) => {
    socket.once("open", () => resolve(101)).once("error", reject);
    socket.once("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
  });
  const send = (message: object | Buffer) => socket.send(message instanceof Buffer ? message : JSON.stringify(message));
  return { socket, heard, bytes, closed, status, send };
}

async function begun() {
  const client = await connect();
  client.send(order);
  await vi.waitUntil(() => client.heard.some(({ is }) => is === "began"));
  return { ...client, task: shop.deps.runtime.attached.at(-1) ?? expect.fail("nothing was attached") };
}

const leaves = (name: string) => vi.waitUntil(() => !shop.deps.runtime.tasks.has(name), { timeout: 30_000 });

test("a foreign page, a request that is no WebSocket, and another path get an answer and begin nothing", async () => {
  expect((await connect({ origin: "http://evil.example" })).status).toBe(403);
  const plain = await shop.run(["api", "GET", path]);
  expect([plain.code, plain.stderr]).toEqual([2, expect.stringContaining("WebSocket")]);
  expect(shop.deps.runtime.attached).toEqual([]);
});

test.each([
  ["no order", { is: "end" }],
  ["no JSON", Buffer.from("\u0001x")],
  ["no command", { ...order, command: [] }],
  ["a terminal without a size", { ...order, terminal: { type: "xterm", columns: 0, rows: 1 } }],
  ["a terminal of no name", { ...order, terminal: { type: "a b", columns: 1, rows: 1 } }],
])("a first message with %s is a fault, and begins nothing", async (_what, message) => {
  const client = await connect();
  client.send(message);
  await client.closed;
  expect(client.heard).toMatchObject([{ is: "fault", problem: { code: "request.invalid" } }]);
  expect(shop.deps.runtime.attached).toEqual([]);
});

test.each([
  ["more stdin than is allowed at once", () => Array(windowBytes / frameBytes + 1).fill(Buffer.alloc(frameBytes + 1))],
  ["bytes of another stream", () => [Buffer.from("\u0001x")]],
  ["a text that is none of the protocol", () => [{ is: "signal" }]],
])("a client that sends %s is let go, and its command ended", async (_what, messages) => {
  const { send, closed, task } = await begun();
  // Nobody reads it.
  task.stdin.pause();
  task.stdin.write(Buffer.alloc(1024 * 1024));
  for (const message of messages()) send(message);
  expect(await closed).toBe(1008);
  await leaves(task.spec.name);
  expect(shop.deps.runtime.signals).toContain(`${task.spec.name} SIGHUP`);
});

test("output waits for its reader stream by stream, and all of it comes before the end", async () => {
  const { heard, bytes, send, closed, task } = await begun();
  const sent = Buffer.alloc(2 * windowBytes, "o");
  task.stdout.end(sent);
  task.stderr.end("quick");
  shop.deps.runtime.end(task.spec.name, { code: 0, signal: null, reason: "exited" });
  const of = (stream: number) =>
    Buffer.concat(bytes.filter((each) => each[0] === stream).map((each) => each.subarray(1)));
  await vi.waitUntil(() => of(1).length > windowBytes - frameBytes && of(2).toString() === "quick");
  expect(of(1).length).toBeLessThanOrEqual(windowBytes);
  expect(heard.at(-1)?.is).toBe("began");
  send({ is: "took", stream: "stdout", bytes: windowBytes });
  await vi.waitUntil(() => of(1).length > windowBytes);
  send({ is: "took", stream: "stdout", bytes: windowBytes });
  await closed;
  expect(of(1).equals(sent)).toBe(true);
  expect(heard.at(-1)).toMatchObject({ is: "ended", task: { exit: { code: 0 } } });
  await leaves(task.spec.name);
});

test("more attached commands than there may be are refused", async () => {
  const sockets: WebSocket[] = [];
  const last = await vi.waitUntil(async () => {
    const client = await connect();
    sockets.push(client.socket);
    return client.status === 101 ? null : client.status;
  }, 30_000);
  expect(last).toBe(409);
  expect(sockets.length).toBeGreaterThan(1);
  for (const socket of sockets) socket.terminate();
});

test("a command whose output cannot be written ends, and tells why", async () => {
  const command = await attachCommand({
    address: { socketPath: join(shop.root, ".fairlead/controller.sock") },
    key: shopKey,
    order: { command: ["tool"], terminal: null },
    output: () => Promise.reject(new TypeError("the disk is full")),
    signal: new AbortController().signal,
  });
  const task = shop.deps.runtime.attached[0] ?? expect.fail("nothing was attached");
  task.stdout.write("x");
  await expect(command.ended).rejects.toThrow("the disk is full");
  await leaves(task.spec.name);
});

test("run passes bytes both ways, gives the exit code, and forgets the task", async () => {
  const bytes = Buffer.from([0, 255, 10, 13, 27]);
  const { runtime } = shop.deps;
  const running = shop.run(["run", "--", "tool", "--json", "-y", "a b"], { stdin: "input" });
  const task = await vi.waitUntil(() => runtime.attached[0]);
  expect(task.spec.command).toEqual(["tool", "--json", "-y", "a b"]);
  expect(await text(task.stdin)).toBe("input");
  task.stdout.end(bytes);
  task.stderr.end("to stderr\n");
  runtime.end(task.spec.name, { code: 42, signal: null, reason: "exited" });
  const { code, stdout, stderr } = await running;
  expect([code, stdout, stderr]).toEqual([42, bytes.toString("utf8"), "to stderr\n"]);
  expect(runtime.tasks.size).toBe(0);
  expect((await shop.run(["run"])).code).toBe(2);
  expect((await shop.run(["run", "-s", "nobody", "--", "tool"])).code).toBe(4);
});

test("run on a terminal passes its type, its size and each change of it, and restores it", async () => {
  const { runtime } = shop.deps;
  const size = { columns: 90, rows: 30 };
  const seen = { restored: 0, resized: () => {} };
  const takeKeys = async () => () => {
    seen.restored += 1;
  };
  const onResize = (listener: () => void) => {
    seen.resized = listener;
  };
  const terminal = () => ({ type: "xterm", size: () => ({ ...size }), takeKeys, onResize });
  const running = shop.run(["run", "--", "sh"], { host: { terminal } });
  const task = await vi.waitUntil(() => runtime.attached[0]);
  expect(task.spec.env).toMatchObject({ TERM: "xterm", WORD: "x" });
  await expect.poll(() => task.sizes.length).toBe(2);
  size.rows = 22;
  seen.resized();
  await expect.poll(() => task.sizes.at(-1)).toMatchObject({ columns: 90, rows: 22 });
  task.stdout.end("bye");
  task.stderr.end();
  runtime.end(task.spec.name, { code: null, signal: "SIGTERM", reason: "signalled" });
  expect(await running).toMatchObject({ code: 143, stdout: "bye" });
  expect(seen.restored).toBe(1);
});
