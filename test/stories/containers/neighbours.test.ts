import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { StatusView } from "../../../src/contract/environments.ts";
import { ContainerEngine } from "../../../src/host/engine.ts";
import { testEngine, testImages } from "../../../src/testing/engine.ts";
import { City, until } from "../city.ts";
import { lightLoad, statusOf } from "../scene.ts";

const engine = new ContainerEngine(testEngine() ?? "/nonexistent/docker.sock");

/** Knows one port and no other, whatever it is told. */
const web = `
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
const version = readFileSync("VERSION", "utf8").trim();
createServer((request, response) => response.setHeader("x-version", version).end(version)).listen(8000);
`;

/** Its own check never passes. */
const dockerfile = `FROM ${testImages.node}
WORKDIR /app
COPY . .
HEALTHCHECK --interval=1s --timeout=1s --retries=1 CMD ["false"]
`;

const beacon = `version: 1
app: beacon
services:
  web:
    run: node web.mjs
    replicas: 2
    http:
      ready: { path: /, every: 100ms, times: 1 }
      alive: { path: /, every: 1s, timeout: 1s, failures: 2 }
    stop: { drain: 1s, within: 1s }
  api: { run: node web.mjs, http: { port: 8000 }, stop: { drain: 1s, within: 1s } }
  worker: { run: "node -e 'setInterval(() => {}, 1000)'", settle: 300ms, stop: { within: 0s } }
deploy: { watch: { for: 200ms } }
environments:
  next-production: {}
`;

interface Shown {
  readonly Id: string;
  readonly State: { readonly Health?: { readonly Status: string } };
  readonly HostConfig: { readonly PortBindings: Readonly<Record<string, unknown>> | null };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
}

const shown = (name: string) => engine.json<Shown>("GET", `/containers/${name}/json`);
const told = (answer: StatusView) => answer.services.map(({ name, instances }) => [name, instances.length]);

test("two apps whose names run together are two; checks of images count for nothing, and taking one away leaves the other", async () => {
  await using city = await City.found();
  await writeFile(join(city.app, "web.mjs"), web);
  await writeFile(join(city.app, "Dockerfile"), dockerfile);
  await city.editManifest(() => beacon);
  await city.startController();
  await city.setVersion("beacon");
  expect((await city.deploy("-e", "next-production")).deployment).toMatchObject({ status: "live", fault: null });

  // `beacon` in `next-production`, and `beacon-next` in `production`.
  const next = { app: "beacon-next", environment: "production" };
  await city.editManifest((text) =>
    text.replace("app: beacon", "app: beacon-next").replace(/^ {2}(?:api|worker):.*\n/gm, ""),
  );
  await city.setVersion("next");
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  const first = "next-production--web.beacon.localhost";
  const second = "web.beacon-next.localhost";
  expect([(await city.get("/", first)).body, (await city.get("/", second)).body]).toEqual(["beacon", "next"]);
  const status = await statusOf(city, "next-production");
  expect([told(status), told(await city.api.call("status", { params: next }))]).toEqual([
    [
      ["web", 2],
      ["api", 1],
      ["worker", 1],
    ],
    [["web", 2]],
  ]);

  // Two instances have the same port, each at an address of its own; nothing is published, and no image says who is well.
  const containers = await Promise.all((await city.testbed.present()).map(shown));
  expect(containers).toHaveLength(6);
  expect(new Set(containers.flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks))).size).toBe(2);
  for (const { State, HostConfig } of containers) {
    expect([State.Health?.Status ?? "none", Object.keys(HostConfig.PortBindings ?? {})]).toEqual(["none", []]);
  }
  // What each had to pass is told: asked, dialled, or up for a while. Nothing counts as good without a look.
  const path = "/v1/apps/beacon/environments/next-production/events?limit=1000";
  const events = JSON.parse(await city.api.raw({ method: "GET", path })) as {
    items: { kind: string; detail: string }[];
  };
  const gates = events.items.filter(({ kind }) => kind === "instance.gated").map(({ detail }) => detail);
  expect(gates).toHaveLength(4);
  const words = [/GET \/ → 200/, /GET \/ → below 500, 2 in a row \(no ready probe given\)/, /up for 300 ?ms/];
  expect(words.map((one) => gates.filter((gate) => one.test(gate)).length)).toEqual([2, 1, 1]);

  // One that is frozen is not taken for well because the engine calls it running: it is replaced.
  const webs = async () =>
    (await statusOf(city, "next-production")).services.find(({ name }) => name === "web")?.instances ?? [];
  const frozen = (await webs())[0]?.id ?? "";
  await engine.json("POST", `/containers/${frozen}/pause`);
  await until(async () => {
    const found = await webs();
    return found.length === 2 && found.every(({ id, ready }) => ready && id !== frozen);
  }, "the frozen one was replaced");
  for (let i = 0; i < 10; i += 1) expect((await city.get("/", first)).body).toBe("beacon");

  // The first goes with all that it had, and nobody of the second notices.
  const load = lightLoad(city, { host: second });
  expect((await city.fairlead("down", "--all", "-a", "beacon", "--confirm", "beacon")).code).toBe(0);
  expect((await city.get("/", first)).status).toBe(404);
  expect((await load.stop()).failures).toEqual([]);
  expect(told(await city.api.call("status", { params: next }))).toEqual([["web", 2]]);
  const networks = async () =>
    (await engine.json<{ Name: string }[]>("GET", "/networks")).filter(({ Name }) =>
      Name.startsWith("fl-beacon-next-production-"),
    );
  expect(await networks()).toHaveLength(1);

  // With the last app its network goes too; the edge stays, and going again is no failure. An app that never was is one.
  expect((await city.fairlead("down", "-y")).code).toBe(0);
  await until(
    async () => (await city.testbed.present()).length === 0 && (await networks()).length === 0,
    "nothing of it is left",
  );
  expect((await city.get("/", second)).status).toBe(404);
  const again = await city.fairlead("down", "-y");
  expect([again.code, again.stderr]).toEqual([0, ""]);
  expect(await city.fairlead("down", "-y", "-a", "nobody")).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/nobody/),
  });
});
