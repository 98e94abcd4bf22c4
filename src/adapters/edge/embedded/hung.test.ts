import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive, startTimeOf } from "../../../host/alive.ts";
import { startChild } from "../../../host/child.ts";
import { ask, oneRoute, sayingApp } from "../../../testing/conformance/edge-rig.ts";
import { waitedMs } from "../../../testing/waited.ts";
import { readEmbeddedNote } from "./files.ts";
import { stopEdge } from "./stop.ts";
import { embeddedTestEdge } from "./test-edge.ts";

test("an edge that a signal stopped is observed as away within seconds; it is let go on, and loses no request", async () => {
  await using under = await embeddedTestEdge();
  const { edge, url, directory } = under;
  await using app = await sayingApp("served");
  await edge.apply(oneRoute("hung/x", { hosts: ["hung.test"], upstreams: [app.upstream("hung-1")] }));
  expect((await edge.observe("hung/x")).up).toBe(true);
  expect(edge.answer()).toMatchObject({ answers: true, since: expect.any(Number), detail: null });
  const note = await readEmbeddedNote(directory);
  let changes = 0;
  edge.changes(() => {
    changes += 1;
  });

  process.kill(note?.pid ?? 0, "SIGSTOP");
  const stoppedAt = Date.now();
  const begun = performance.now() - (await waitedMs());
  const waiting = ask(url, { host: "hung.test" });
  await expect.poll(async () => (await edge.observe("hung/x")).up).toBe(false);
  expect(performance.now() - (await waitedMs()) - begun).toBeLessThan(5_000);
  const said = edge.answer();
  expect(said).toMatchObject({ answers: false, detail: expect.stringContaining("does not answer") });
  expect(said.since).toBeGreaterThanOrEqual(stoppedAt);
  expect(changes).toBeGreaterThan(0);

  await edge.ensure();
  expect((await waiting).text).toBe("served");
  expect(await readEmbeddedNote(directory)).toEqual(note);
  expect((await edge.observe("hung/x")).table).not.toBeNull();
  expect(await readFile(join(directory, "edge.log"), "utf8")).toContain("SIGCONT");
});

test("an edge that answers nothing at all is ended, and another one serves at its address", async () => {
  await using under = await embeddedTestEdge();
  const { edge, url, directory } = under;
  const { port, host } = edge.address();
  await stopEdge(directory);
  const silent = `require("net").createServer(() => undefined).listen(${port}, "${host}", () => console.log("listens"))`;
  const child = startChild([process.execPath, "-e", silent], { env: {}, stdio: ["ignore", "pipe", "ignore"] });
  await once(child.stdout ?? child, "data");
  const hung = { pid: child.pid ?? 0, startTime: startTimeOf(child.pid ?? 0) };
  await writeFile(join(directory, "edge.json"), JSON.stringify({ ...hung, host, port }));
  await edge.ensure();
  expect(isAlive(hung)).toBe(false);
  expect((await ask(url, { host: "any.test" })).status).toBe(404);
  expect(await readFile(join(directory, "edge.log"), "utf8")).toContain("hung: killed by its controller");
});
