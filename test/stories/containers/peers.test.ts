import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ContainerEngine } from "../../../src/host/engine.ts";
import { testEngine, testImages } from "../../../src/testing/engine.ts";
import { City, until } from "../city.ts";
import { call, deployed, deployments, instancesOf, quick, statusOf } from "../scene.ts";

const engine = new ContainerEngine(testEngine() ?? "/nonexistent/docker.sock");

/** Answers with its environment, and with how many ended processes nobody has asked for. */
const web = `
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
// Its child is left behind by a parent that ends at once, and ends itself.
const orphan = () => spawn("sh", ["-c", "(sleep 0.1) & exit 0"]);
const state = (pid) => { try { return readFileSync("/proc/" + pid + "/stat", "utf8").split(") ")[1][0]; } catch { return "?"; } };
createServer((request, response) => {
  if (request.url === "/orphan") orphan();
  const zombies = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name) && state(name) === "Z").length;
  response.end(JSON.stringify({ env: process.env, args: process.argv.slice(2), zombies }));
}).listen(8000);
`;

const literals: Record<string, string> = {
  DOLLAR: "a$HOME$$b",
  QUOTES: `it's "quoted"`,
  BACKSLASH: "a\\b\\\\c\\n",
  HAN: "中文 )(",
};

const manifest = `version: 1
app: beacon
env:
${Object.entries(literals)
  .map(([name, value]) => `  ${name}: ${JSON.stringify(value.replaceAll("$", "$$$$"))}`)
  .join("\n")}
services:
  web:
    run: [web.mjs, one, "two words"]
    http: { ready: { path: /, every: 100ms, times: 1 } }
    release: [migrate.mjs]
    stop: { drain: 1s, within: 2s }
deploy: { watch: { for: 200ms } }
`;

const dockerfile = `FROM ${testImages.node}
WORKDIR /app
COPY . .
ENTRYPOINT ["node"]
CMD ["never.mjs"]
`;

interface Said {
  readonly env: Record<string, string>;
  readonly args: readonly string[];
  readonly zombies: number;
}

async function entrypointCity(): Promise<City> {
  const city = await City.found();
  await writeFile(join(city.app, "web.mjs"), web);
  await writeFile(join(city.app, "migrate.mjs"), 'console.log("migrated with", process.env.HAN);\n');
  await writeFile(join(city.app, "Dockerfile"), dockerfile);
  await city.editManifest(() => manifest);
  await city.startController();
  return city;
}

test("an image's ENTRYPOINT runs the service and the release command; values are literal; init takes orphans in", async () => {
  await using city = await entrypointCity();
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  const said = JSON.parse((await city.get("/")).body) as Said;
  expect(said.args).toEqual(["one", "two words"]);
  expect(said.env).toMatchObject(literals);
  expect((await city.fairlead("logs", "--grep", "^migrated", "--no-prefix")).stdout).toBe("migrated with 中文 )(\n");
  for (let i = 0; i < 5; i += 1) await city.get("/orphan");
  await until(async () => (JSON.parse((await city.get("/")).body) as Said).zombies === 0, "no ended process is left");
});

test("an image that cannot be fetched fails the deploy by its name, and what serves goes on", async () => {
  await using city = await City.found();
  await city.editManifest(quick);
  await city.startController();
  expect(await deployed(city, "good")).toMatchObject({ status: "live" });
  const before = await instancesOf(city, "web");
  const image = `127.0.0.1:1/nobody/there@sha256:${"0".repeat(64)}`;
  await city.editManifest((text) => text.replace(/^build:.*$/m, `build: { image: "${image}" }`));
  const failed = await city.fairlead("deploy");
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain("127.0.0.1:1/nobody/there");
  expect((await city.get("/version")).body).toBe("good");
  expect((await instancesOf(city, "web")).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
});

test("an image that vanished is built again from the kept source for the rollback that needs it", async () => {
  await using city = await City.found();
  await city.editManifest(quick);
  await city.startController();
  await deployed(city, "one");
  const [first] = await instancesOf(city, "web");
  await deployed(city, "two");
  const image = `fairlead-artifact:${first?.artifact.replace("sha256:", "")}`;
  await until(async () => (await city.testbed.present()).every((name) => !name.includes("-v1-")), "v1 is gone");
  await engine.json("DELETE", `/images/${image}`, { query: { force: true } });
  const back = await city.fairlead("rollback");
  expect(back.code, back.stderr).toBe(0);
  expect((await city.get("/version")).body).toBe("one");
  expect(await statusOf(city)).toMatchObject({ state: "serving", release: "v1" });
});

test("an app of workers alone goes live, and nothing is routed", async () => {
  await using city = await City.found();
  const worker = "worker: { run: node worker.ts, settle: 300ms, stop: { within: 2s } }";
  await city.editManifest(() => `version: 1\napp: beacon\nservices:\n  ${worker}\n`);
  await city.startController();
  expect((await city.deploy()).deployment.status).toBe("live");
  expect((await city.get("/version")).status).toBe(404);
  expect((await statusOf(city)).services).toMatchObject([{ name: "worker", instances: [{ ready: true }] }]);
});

test("a secret's value is in no image, label, argument list, log, event or answer", async () => {
  await using city = await entrypointCity();
  const canary = "canary-7f3a91c2e5d84b60";
  expect((await city.deploy()).deployment.status).toBe("live");
  expect((await city.fairlead("env", "set", `API_KEY=${canary}`)).code).toBe(0);
  const said = JSON.parse((await city.get("/")).body) as Said;
  expect(said.env.API_KEY).toBe(canary);

  const [instance] = await instancesOf(city, "web");
  const image = `fairlead-artifact:${instance?.artifact.replace("sha256:", "")}`;
  const places: Record<string, string> = {
    history: JSON.stringify(await engine.json("GET", `/images/${image}/history`)),
    image: JSON.stringify(await engine.json("GET", `/images/${image}/json`)),
    labels: JSON.stringify(
      (await engine.json<{ Config: { Labels: object } }>("GET", `/containers/${instance?.id}/json`)).Config.Labels,
    ),
    layers: await textOf(`/images/${image}/get`, canary),
    arguments: (await commandLines()).join("\n"),
    controller: await city.controllerLog(),
    logs: (await city.fairlead("logs", "-n", "1000")).stdout,
  };
  // What is in the source can be found there, so what is not found is not there.
  expect(await textOf(`/images/${image}/get`, "left behind by a parent")).not.toBe("");
  const [deployment] = await deployments(city);
  const paths = ["status", "releases?limit=10", "releases/v2", "deployments?limit=10", "events?limit=1000"];
  for (const path of [
    ...paths.map((one) => `apps/beacon/environments/production/${one}`),
    `deployments/${deployment?.id}`,
  ]) {
    const { status, body } = await call(city, { path: `/v1/${path}` });
    expect([path, status]).toEqual([path, 200]);
    places[path] = body;
  }
  for (const [place, text] of Object.entries(places)) expect([place, text.includes(canary)]).toEqual([place, false]);
  expect((await city.fairlead("env", "list")).stdout).not.toContain(canary);
});

/** The canary if it is anywhere in a stream of the engine's, else nothing: an image's tar is too large to keep. */
async function textOf(path: string, canary: string): Promise<string> {
  let tail = "";
  for await (const chunk of await engine.stream("GET", path)) {
    const text = tail + Buffer.from(chunk as Uint8Array).toString("latin1");
    if (text.includes(canary)) return canary;
    tail = text.slice(-canary.length);
  }
  return "";
}

/** The command lines of all processes but of this one and what it started to say the secret. */
async function commandLines(): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
}
