import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pass } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { networkProber } from "./prober.ts";

/** Keeps this process busy, as a controller is with too much output. */
function stall(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

/** An app of its own thread: it answers also while this one is busy. `/hangs` is never answered, `/later` after 100 ms. */
const app = `
  const { parentPort } = require("node:worker_threads");
  const server = require("node:http").createServer((query, answer) => {
    if (query.url === "/later") setTimeout(() => answer.end(), 100);
    else if (query.url === "/cut") setTimeout(() => query.socket.destroy(), 100);
    else if (query.url !== "/hangs") answer.end();
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

let worker: Worker;
let port: number;

beforeAll(async () => {
  worker = new Worker(app, { eval: true });
  [port] = await once(worker, "message");
});
afterAll(() => worker.terminate());

const asking = (path: string, timeoutMs: number) => {
  const address = { host: "127.0.0.1", port };
  return networkProber().probe({ kind: "http", address, path, host: "shop", status: 200, json: [], timeoutMs });
};

describe("a controller that is busy elsewhere", () => {
  test.each(["/", "/later"])("takes no answer to %s for missing that is there", async (path) => {
    const answer = asking(path, 300);
    await pass(10);
    stall(800);
    expect(await answer).toMatchObject({ good: true });
  });

  test("gives whoever it asked the time that was to be, from before the question was even sent", async () => {
    const answer = asking("/later", 300);
    stall(800);
    expect(await answer).toMatchObject({ good: true });
  });

  test("says that a connection was closed while it was away", async () => {
    const answer = asking("/cut", 5_000);
    await pass(10);
    stall(600);
    expect(await answer).toMatchObject({ good: false, late: true });
  });

  test("still finds out who never answers", async () => {
    const answer = asking("/hangs", 300);
    await pass(10);
    stall(500);
    expect(await answer).toMatchObject({ good: false, refused: false, words: "GET /hangs → no answer within 300 ms" });
    expect((await answer).late).toBeUndefined();
  });

  test("and who listens no more", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
    server.close();
    await once(server, "close");
    const answer = networkProber().probe({ kind: "tcp", address, timeoutMs: 300 });
    stall(600);
    const found = await answer;
    expect(found).toMatchObject({ good: false, refused: true });
    expect(found.late).toBeUndefined();
  });
});
