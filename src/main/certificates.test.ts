import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stopEdge } from "../adapters/edge/embedded/stop.ts";
import { runLine } from "../cli/test-run.ts";
import { ask, seen } from "../testing/conformance/edge-rig.ts";
import { noPebble, testAcme, testNames } from "../testing/pebble.ts";
import { ownPort } from "../testing/ports.ts";
import { startController } from "./controller.ts";

const manifest = `version: 1
app: story
services:
  web:
    run: node server.js
    http: { hosts: [story-shop.com, story.localhost] }
`;
const server = `require("node:http").createServer((req, res) => res.end(req.headers["x-forwarded-proto"]))
  .listen(process.env.PORT);`;

test("a deployed service is served over TLS a moment later, and its URL says so", async ({ skip }) => {
  const missing = noPebble();
  if (missing !== null) skip(missing);
  const state = await mkdtemp(join(tmpdir(), "fl-acme-"));
  const project = join(state, "project");
  await mkdir(project);
  await writeFile(join(project, "fairlead.yml"), manifest);
  await writeFile(join(project, "server.js"), server);
  const port = await ownPort();
  await using names = await testNames();
  await using acme = await testAcme({ httpPort: port, names });
  const controller = await startController({
    stateDirectory: state,
    listen: null,
    edge: { host: "127.0.0.1", port },
    edgeTls: { host: "127.0.0.1", port: 0 },
    acme: {
      email: "ops@story-shop.com",
      directoryUrl: acme.directoryUrl,
      stagingUrl: null,
      caFile: acme.caFile,
      publicAddresses: ["127.0.0.1"],
      resolver: names.address,
      challengePort: port,
    },
    runtime: "process",
    env: { PATH: process.env.PATH ?? "" },
    onLog: () => undefined,
  });
  const run = async (line: string) => runLine(line.split(" "), { cwd: project, env: { FAIRLEAD_STATE: state } });
  try {
    expect(await run("deploy")).toMatchObject({ code: 0 });
    const urls = await seen(
      async () => JSON.parse((await run("status --json")).stdout).urls.map(({ url }: { url: string }) => url),
      (all: string[]) => all.every((url) => url.startsWith("https:")),
    );
    expect(urls).toEqual([
      expect.stringMatching(/^https:\/\/story-shop\.com:\d+$/),
      expect.stringMatching(/^https:\/\/story\.localhost:\d+$/),
    ]);
    const secure = new URL(urls[0] ?? "");
    const options = { host: "127.0.0.1", port: secure.port, servername: "story-shop.com", ca: acme.root };
    const outgoing = request({ ...options, headers: { host: "story-shop.com" } });
    outgoing.end();
    const [answer] = await once(outgoing, "response");
    let text = "";
    for await (const chunk of answer) text += chunk;
    expect(text).toBe("https");
    const plain = await ask(`http://127.0.0.1:${port}`, { host: "story-shop.com", path: "/a?b" });
    expect([plain.status, plain.headers.location]).toEqual([308, `https://story-shop.com:${secure.port}/a?b`]);
    const checked = await run("domains check story-shop.com");
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringMatching(/ok +certificate +acme, by Pebble/) });
    const { items } = JSON.parse((await run("domains --json")).stdout);
    expect(items.map((one: { host: string; state: string }) => `${one.host} ${one.state}`)).toEqual([
      "story-shop.com served",
      "story.localhost served",
    ]);
  } finally {
    await run("down --yes");
    await controller.close();
    await stopEdge(join(state, "edge"));
    await rm(state, { recursive: true, force: true });
  }
});
