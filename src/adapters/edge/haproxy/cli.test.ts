import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askCli } from "./cli.ts";

let directory: string;
let server: Server;
let asked: number;

/** Somebody who takes every connection and answers from the n-th on. */
async function answeringFrom(first: number): Promise<string> {
  server = createServer({ allowHalfOpen: true }, (connection) => {
    asked += 1;
    connection.on("error", () => undefined).resume();
    if (asked >= first) connection.end("it is so\n");
  });
  const socket = join(directory, "s");
  await once(server.listen(socket), "listening");
  return socket;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fl-cli-"));
  asked = 0;
});
afterEach(async () => {
  server.close();
  await rm(directory, { recursive: true });
});

test("who does not answer is asked again on another connection", async () => {
  expect(await askCli(await answeringFrom(2), "show info", [50, 10_000])).toBe("it is so\n");
  expect(asked).toBe(2);
});

test("who never answers is said so, with the command and without what it carries", async () => {
  const command = "set ssl cert /edge/a.pem <<\n-----BEGIN PRIVATE KEY-----";
  await expect(askCli(await answeringFrom(9), command, [20, 20])).rejects.toMatchObject({
    code: "edge.unreachable",
    detail: "HAProxy does not answer set ssl cert.",
  });
});
