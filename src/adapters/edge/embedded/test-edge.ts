import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isAlive } from "../../../host/alive.ts";
import { type FrontProxies, noFrontProxies } from "../../../model/route.ts";
import { wallClock } from "../../../testing/clock.ts";
import { ownPort } from "../../../testing/ports.ts";
import { embeddedEdge } from "./embedded-edge.ts";
import { readEmbeddedNote } from "./files.ts";
import { stopEdge } from "./stop.ts";

/** How an edge process is started from the sources. */
export const entry = [process.execPath, fileURLToPath(new URL("../../../main/edge.ts", import.meta.url))] as const;

/** A running edge in its own directory, for tests. */
export async function embeddedTestEdge(proxies: FrontProxies = noFrontProxies) {
  const directory = await mkdtemp(join(tmpdir(), "fl-edge-"));
  const host = "127.0.0.1";
  const listen = { host, port: await ownPort() };
  const edge = embeddedEdge({
    directory,
    listen,
    secure: { host, port: await ownPort() },
    proxies,
    entry: [...entry],
    env: {},
    clock: wallClock,
  });
  await edge.ensure();
  return {
    edge,
    directory,
    url: `http://${host}:${listen.port}`,
    async crash() {
      const note = await readEmbeddedNote(directory);
      if (note === null) return;
      process.kill(note.pid, "SIGKILL");
      while (isAlive(note)) await new Promise((resolve) => setTimeout(resolve, 2));
    },
    async [Symbol.asyncDispose]() {
      await edge.close();
      await stopEdge(directory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
