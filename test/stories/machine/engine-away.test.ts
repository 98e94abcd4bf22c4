import { dirname } from "node:path";
import { afterEach, expect, test } from "vitest";
import { ContainerEngine } from "../../../src/host/engine.ts";
import { noEngine, testEngine } from "../../../src/testing/engine.ts";
import { placeIn, reach, startEngine, stopDaemon } from "../../../tools/engine/daemon.ts";
import { City, until } from "../city.ts";
import { deployments, instancesOf, killAll, lightLoad, quick, statusOf } from "../scene.ts";

const socket = testEngine();
const place = placeIn(dirname(socket ?? "/nonexistent/docker.sock"));
const engine = new ContainerEngine(place.socket);

/** The engine is up again, whatever a story did. */
afterEach(async () => {
  if (socket !== null && (await reach(engine)) !== "answers") await startEngine(place, engine);
});

async function quickCity(...flags: readonly string[]): Promise<City> {
  const city = await City.found("beacon", flags);
  await city.editManifest(quick);
  await city.startController();
  await city.setVersion("one");
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  return city;
}

test("the engine is restarted under load and in the middle of a deploy, and nobody notices", async ({ skip }) => {
  if (socket === null) skip(noEngine);
  await using city = await quickCity();
  const load = lightLoad(city, { streams: 4, sockets: 4 });
  expect(await stopDaemon(place)).toBe(true);
  expect((await city.get("/version")).body).toBe("one");
  await startEngine(place, engine);
  await until(async () => (await instancesOf(city, "web")).every(({ ready }) => ready), "all is well again");

  await city.setVersion("two");
  const { id } = await city.beginDeploy();
  await until(async () => (await deployments(city))[0]?.phase === "gate", "the deploy reached its gate");
  await stopDaemon(place);
  await startEngine(place, engine);
  await until(
    async () => (await city.api.call("deployment", { params: { id } })).deployment.phase === "ended",
    "the deploy has ended",
  );
  expect((await deployments(city))[0]).toMatchObject({ status: "live", fault: null });
  expect((await city.get("/version")).body).toBe("two");

  const report = await load.stop();
  expect(report.failures).toEqual([]);
  expect(report.streams.brokenEarly + report.sockets.brokenEarly).toBe(0);
  console.log(`engine restarted twice: ${report.failed} failed of ${report.requests} requests`);
});

test("after a reboot the apps answer before the controller is back, and it finds them as they are", async ({
  skip,
}) => {
  if (socket === null) skip(noEngine);
  await using city = await quickCity("--proxy", "container", "--proxy-image", "fairlead-test/haproxy:lts");
  const before = await city.testbed.present();
  // The engine is told to start an instance again only when it has run for some seconds.
  await until(
    async () => (await policies(before)).every((policy) => policy === "unless-stopped"),
    "all will come back",
  );
  await city.killController("SIGKILL");
  await reboot();
  await until(async () => (await answer(city)) === "one", "the apps answer without a controller");

  await city.startController();
  await until(async () => {
    const { services, state } = await statusOf(city);
    return state === "serving" && services.every(({ instances }) => instances.every(({ ready }) => ready));
  }, "the controller found everything ready");
  expect(await city.testbed.present()).toEqual(before);
  await city.setVersion("two");
  expect((await city.deploy()).deployment.status).toBe("live");
  expect((await city.get("/version")).body).toBe("two");
});

/** What a machine that loses its power does to an engine: nothing of it and of its containers is left running. */
async function reboot(): Promise<void> {
  const running = await engine.json<readonly { Id: string }[]>("GET", "/containers/json");
  const pids = await Promise.all(
    running.map(
      async ({ Id }) => (await engine.json<{ State: { Pid: number } }>("GET", `/containers/${Id}/json`)).State.Pid,
    ),
  );
  await stopDaemon(place);
  // One that has just ended has number 0, which would be ourselves.
  killAll(pids.filter((one) => one > 0));
  await startEngine(place, engine);
}

interface Kept {
  readonly HostConfig: { readonly RestartPolicy: { readonly Name: string } };
}

/** What the engine does with these containers when the machine starts. */
async function policies(names: readonly string[]): Promise<readonly string[]> {
  const seen = names.map((name) => engine.json<Kept>("GET", `/containers/${name}/json`));
  return (await Promise.all(seen)).map(({ HostConfig }) => HostConfig.RestartPolicy.Name);
}

async function answer(city: City): Promise<string | null> {
  return city.get("/version").then(
    ({ body }) => body,
    () => null,
  );
}
