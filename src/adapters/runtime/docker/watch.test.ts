import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ContainerEngine } from "../../../host/engine.ts";
import { wallClock } from "../../../testing/clock.ts";
import { Watch } from "./watch.ts";

test("a mistake in what listens to the engine's events is told, and is no loss of the connection without a word", async () => {
  const directory = mkdtempSync(join(tmpdir(), "fl-watch-"));
  const event = { Action: "start", timeNano: 0, Actor: { ID: "c1", Attributes: {} } };
  const server = createServer((request, response) => {
    if (request.url === "/version") response.end('{"ApiVersion":"1.41","MinAPIVersion":"1.12","Version":"20"}');
    else response.write(`${JSON.stringify(event)}\n`);
  }).listen(join(directory, "engine.sock"));
  await once(server, "listening");
  const told = Promise.withResolvers<unknown>();
  const watch = new Watch({
    engine: new ContainerEngine(join(directory, "engine.sock")),
    installation: "i",
    clock: wallClock,
    heard: () => (undefined as unknown as { look: () => void }).look(),
    failed: told.resolve,
    lookAtAll: async () => undefined,
  });
  onTestFinished(() => {
    watch.close();
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });
  watch.start();
  expect(await told.promise).toBeInstanceOf(TypeError);
});
