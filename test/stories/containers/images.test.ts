import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { collectArtifacts } from "../../../src/engine/retention.ts";
import { ContainerEngine } from "../../../src/host/engine.ts";
import { openAdapters } from "../../../src/main/adapters.ts";
import { systemClock } from "../../../src/main/clock.ts";
import { collectAfterMs } from "../../../src/plan/collect.ts";
import { testEngine, testImages } from "../../../src/testing/engine.ts";
import { noRegistry, registryUser, startRegistry } from "../../../src/testing/registry.ts";
import { City, until } from "../city.ts";
import { instancesOf } from "../scene.ts";

const socket = testEngine() ?? "/nonexistent/docker.sock";
const engine = new ContainerEngine(socket);

/** Says what it was started with, shows a file whose directory begins with a dot, and tries to leave something behind. */
const web = `
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
const attempt = (act) => { try { return act() ?? "done"; } catch ({ code }) { return code; } };
const said = () => ({
  version: readFileSync("VERSION", "utf8").trim(),
  args: process.argv.slice(2),
  hidden: attempt(() => readFileSync(".well-known/security.txt", "utf8").trim()),
  written: attempt(() => writeFileSync("left-behind", "")),
  level: process.env.LEVEL,
});
createServer((_request, response) => response.end(JSON.stringify(said()))).listen(process.env.PORT);
`;

const manifest = `version: 1
app: beacon
env: { LEVEL: one }
services:
  web:
    run: node web.mjs
    readOnly: true
    http: { ready: { path: /, every: 100ms, times: 1 } }
    stop: { drain: 1s, within: 1s }
deploy: { watch: { for: 200ms }, keep: 2 }
environments: { staging: {} }
`;

interface Said {
  readonly version: string;
  readonly args: readonly string[];
  readonly hidden: string;
  readonly written: string;
  readonly level: string;
}

async function imageCity(): Promise<City> {
  const city = await City.found();
  await writeFile(join(city.app, "web.mjs"), web);
  await writeFile(join(city.app, "Dockerfile"), `FROM ${testImages.node}\nWORKDIR /app\nCOPY . .\n`);
  await city.editManifest(() => manifest);
  await city.startController();
  return city;
}

const said = async (city: City, host = city.host()) => JSON.parse((await city.get("/", host)).body) as Said;

test("what a rollback of any environment needs outlives the cleaning, also where everything is stopped", async () => {
  await using city = await imageCity();
  const deployAll = async (environment: string, versions: readonly string[]) => {
    const directory = join(dirname(city.state), environment);
    await cp(city.app, directory, { recursive: true });
    for (const version of versions) {
      await writeFile(join(directory, "VERSION"), version);
      expect((await city.fairleadIn(directory, "deploy", "-e", environment)).code).toBe(0);
    }
  };
  await Promise.all([deployAll("production", ["a", "b"]), deployAll("staging", ["c", "d", "e"])]);
  expect((await city.fairlead("down", "-e", "staging", "-y")).code).toBe(0);

  // Two hours later, as the controller does it every ten minutes.
  await city.killController("SIGTERM");
  const edge = { host: "127.0.0.1", port: 0 };
  const options = {
    stateDirectory: city.state,
    edge,
    env: {},
    runtime: "docker",
    engine: socket,
    proxy: "haproxy",
  } as const;
  const { journal, runtime, builder, logs, ...others } = await openAdapters(options);
  const artifacts = async () => (await builder.list()).filter(({ what }) => what === "artifact").length;
  expect(await artifacts()).toBe(5);
  const clock = { ...systemClock, now: () => systemClock.now() + 2 * collectAfterMs };
  await collectArtifacts({ journal, builder, clock });
  expect(await artifacts()).toBe(4);
  for (const port of [journal, runtime, others.edge, logs]) await port.close();

  await city.startController();
  expect((await city.fairlead("rollback", "v1")).code).toBe(0);
  expect((await said(city)).version).toBe("a");
  const refused = await city.fairlead("rollback", "v1", "-e", "staging");
  expect([refused.code, refused.stderr]).toEqual([5, expect.stringMatching(/artifact .* of v1 is missing/)]);
  expect((await city.fairlead("rollback", "v2", "-e", "staging")).code).toBe(0);
  expect((await said(city, "staging--web.beacon.localhost")).version).toBe("d");
});

test("line ends of Windows and files that begin with a dot come through; a finished image of a private registry serves on when that is gone", async ({
  skip,
}) => {
  await using city = await imageCity();
  // No Dockerfile and no `run`: what runs is the line of the Procfile.
  const windows = (text: string) => text.replaceAll("\n", "\r\n");
  const procfile = "web: node web.mjs --from procfile\nrelease: node -e 0\n";
  await writeFile(join(city.app, "Procfile"), windows(procfile));
  await writeFile(join(city.app, "package.json"), windows('{\n  "private": true\n}\n'));
  await writeFile(join(city.app, ".dockerignore"), windows("Dockerfile\nREADME.md\n"));
  await mkdir(join(city.app, ".well-known"));
  await writeFile(join(city.app, ".well-known/security.txt"), "Contact: nobody\n");
  await city.setVersion("detected");
  await city.editManifest((text) => text.replace("    run: node web.mjs\n", ""));
  const file = join(city.app, "fairlead.yml");
  await writeFile(file, windows(await readFile(file, "utf8")));
  await rm(join(city.app, "Dockerfile"));
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  const detected = {
    version: "detected",
    args: ["--from", "procfile"],
    hidden: "Contact: nobody",
    written: "EROFS",
    level: "one",
  };
  expect(await said(city)).toEqual(detected);

  const registry = await startRegistry(engine, join(dirname(city.state), "registry"), { login: true });
  if (registry === null) return skip(noRegistry);
  const [instance] = await instancesOf(city, "web");
  const image = await registry.take(`fairlead-artifact:${instance?.artifact.replace("sha256:", "")}`);
  await city.editManifest((text) => text.replace(/^build:.*$/m, `build: { image: "${image}" }`));
  const login = `{ username: ${registryUser.name}, password: "\${REGISTRY_PASSWORD}" }`;
  await city.editManifest((text) => `${text}registries: { "${registry.at}": ${login} }\n`);
  expect((await city.fairlead("env", "set", "--stage", `REGISTRY_PASSWORD=${registryUser.passwords[0]}`)).code).toBe(0);
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  await registry.exchangePassword(1);
  const exchanged = await city.fairlead("env", "set", `REGISTRY_PASSWORD=${registryUser.passwords[1]}`);
  expect([exchanged.code, exchanged.stdout]).toEqual([0, "Saved; the next deployment uses it.\n"]);
  registry.end();

  // Deployed again, with another value, and more of it: the digest decides, and it is here.
  const images = new Set((await instancesOf(city, "web")).map(({ artifact }) => artifact));
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  expect((await city.fairlead("env", "set", "LEVEL=two")).code).toBe(0);
  expect((await city.fairlead("scale", "web=2")).code).toBe(0);
  expect(await said(city)).toEqual({ ...detected, level: "two" });
  await until(async () => (await instancesOf(city, "web")).length === 2, "there are two");
  expect(new Set((await instancesOf(city, "web")).map(({ artifact }) => artifact))).toEqual(images);

  // Back to the release of the first password.
  expect((await city.fairlead("rollback", "v2")).code).toBe(0);
  expect(await said(city)).toEqual(detected);
  await engine.json("DELETE", `/images/${image}`, { query: { force: true } });
});
