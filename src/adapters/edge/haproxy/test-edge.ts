import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FrontProxies, noFrontProxies } from "../../../model/route.ts";
import type { Clock } from "../../../ports/clock.ts";
import { wallClock } from "../../../testing/clock.ts";
import { ownPort } from "../../../testing/ports.ts";
import { askWorkers } from "./cli.ts";
import { haproxyFiles } from "./files.ts";
import { haproxyEdge } from "./haproxy-edge.ts";
import { readHaproxyNote, stopHaproxy } from "./stop.ts";

/** Ten seconds of it are one: for what is waited for without success. */
export const hastyClock: Clock = {
  now: () => wallClock.now() * 10,
  after: (ms, then) => wallClock.after(ms / 10, then),
};

/** HAProxy as it is found on this machine. */
export const run = {
  program: "haproxy",
  env: { PATH: "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/sbin:/bin" },
};

/** A running edge in a directory of its own, for tests; `overTls`: it has a TLS address. */
export async function haproxyTestEdge(proxies: FrontProxies = noFrontProxies, overTls = true) {
  const directory = await mkdtemp(join(tmpdir(), "fl-hx-"));
  const host = "127.0.0.1";
  const listen = { host, port: await ownPort() };
  const secure = overTls ? { host, port: await ownPort() } : null;
  const edge = haproxyEdge({ directory, listen, secure, proxies, run, clock: wallClock });
  await edge.ensure();
  return {
    edge,
    directory,
    url: `http://${host}:${listen.port}`,
    async crash() {
      const workers = await askWorkers(haproxyFiles(directory).master);
      const note = await readHaproxyNote(directory);
      for (const pid of [note?.pid, workers?.current, ...(workers?.old ?? [])]) if (pid) process.kill(pid, "SIGKILL");
    },
    async [Symbol.asyncDispose]() {
      await edge.close();
      await stopHaproxy(directory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
