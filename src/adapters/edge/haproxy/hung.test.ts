import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { isAlive, startTimeOf } from "../../../host/alive.ts";
import { startChild } from "../../../host/child.ts";
import { ask, oneRoute, sayingApp } from "../../../testing/conformance/edge-rig.ts";
import { waitedMs } from "../../../testing/waited.ts";
import { askWorkers } from "./cli.ts";
import { haproxyFiles } from "./files.ts";
import { readHaproxyNote, stopHaproxy } from "./stop.ts";
import { haproxyTestEdge } from "./test-edge.ts";

const pids = async (directory: string) => {
  const master = (await readHaproxyNote(directory))?.pid ?? 0;
  const worker = (await askWorkers(haproxyFiles(directory).master))?.current ?? 0;
  return { master, worker };
};

test("a worker that a signal stopped, its accept queue full, is observed as away within seconds; it goes on and loses no request", async () => {
  await using under = await haproxyTestEdge();
  const { edge, url, directory } = under;
  await using app = await sayingApp("served");
  await edge.apply(oneRoute("hung/x", { hosts: ["hung.test"], upstreams: [app.upstream("hung-1")] }));
  const before = await pids(directory);

  process.kill(before.worker, "SIGSTOP");
  const stoppedAt = Date.now();
  const begun = performance.now() - (await waitedMs());
  const waiting = ask(url, { host: "hung.test" });
  const queue: Socket[] = [];
  for (let each = 0; each < 200; each += 1) {
    queue.push(connect(edge.address()).on("error", () => undefined));
  }
  await expect.poll(async () => (await edge.observe("hung/x")).up).toBe(false);
  expect(performance.now() - (await waitedMs()) - begun).toBeLessThan(5_000);
  expect(edge.answer()).toMatchObject({ answers: false, detail: expect.stringContaining("does not answer") });
  expect(edge.answer().since).toBeGreaterThanOrEqual(stoppedAt);

  await edge.ensure();
  for (const socket of queue) socket.destroy();
  expect((await waiting).text).toBe("served");
  expect(await pids(directory)).toEqual(before);
  expect((await edge.observe("hung/x")).table).not.toBeNull();
  expect(await readFile(haproxyFiles(directory).log, "utf8")).toContain("SIGCONT");
});

test("a stopped master is told although clients are served, and is let go on", async () => {
  await using under = await haproxyTestEdge();
  const { edge, url, directory } = under;
  const before = await pids(directory);
  process.kill(before.master, "SIGSTOP");
  await expect
    .poll(async () => [(await edge.observe("hung/x")).up, edge.answer().detail])
    .toEqual([true, expect.stringContaining("does not answer the controller")]);
  expect((await ask(url, { host: "any.test" })).status).toBe(404);
  await expect.poll(() => edge.answer().detail, { interval: 200 }).toBeNull();
  expect(await pids(directory)).toEqual(before);
});

test("what answers nothing at all is ended with all its processes, and HAProxy serves at its address", async () => {
  await using under = await haproxyTestEdge();
  const { edge, url, directory } = under;
  const { port, host } = edge.address();
  await stopHaproxy(directory);
  const silent = `require("net").createServer(() => undefined).listen(${port}, "${host}", () => console.log("listens"))`;
  const child = startChild([process.execPath, "-e", silent], {
    env: {},
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  await once(child.stdout ?? child, "data");
  const hung = { pid: child.pid ?? 0, startTime: startTimeOf(child.pid ?? 0) };
  await writeFile(haproxyFiles(directory).process, JSON.stringify(hung));
  await edge.ensure();
  expect(isAlive(hung)).toBe(false);
  expect((await ask(url, { host: "any.test" })).status).toBe(404);
  expect(await readFile(haproxyFiles(directory).log, "utf8")).toContain("hung: killed by its controller");
});
