import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { City, cli, until } from "./city.ts";
import { edgeOf, happenings, instancesOf, killAll, lightLoad, namesOf, quick, statusOf, untilReady } from "./scene.ts";

/** Drain and stop may take minutes: whatever ends sooner ended because it could. */
const patient = (text: string) =>
  quick(text).replace("drain: 2s", "drain: 120s").replaceAll("within: 2s }", "within: 120s }");

test("an old instance without requests is told to stop at once and goes, long before its drain and stop times", async () => {
  await using city = await City.found();
  await city.editManifest(patient);
  await city.startController();
  expect((await city.deploy()).code).toBe(0);
  await city.setVersion("2");
  const { deployment } = await city.deploy();
  expect(deployment.status).toBe("live");
  expect(deployment.durationMs).toBeLessThan(100_000);
  const { services } = await statusOf(city);
  expect(services.flatMap(({ instances }) => instances).every(({ release }) => release === "v2")).toBe(true);
  await until(async () => {
    const told = await city.fairlead("logs", "web", "--release", "v1", "--grep", "stop");
    return /"stopping"[\s\S]*"stopped"/.test(told.stdout);
  }, "its last words are kept");
});

test("scaling down retires the extra instances, to nothing and back, and clients of the rest see no failure", async () => {
  await using city = await City.found();
  await city.editManifest((text) => quick(text).replace("replicas: 2", "replicas: 3"));
  await city.startController();
  expect((await city.deploy()).code).toBe(0);
  const [first, second, third] = await namesOf(city, "web");
  const load = lightLoad(city);
  expect((await city.fairlead("scale", "web=1")).code).toBe(0);
  await untilReady(city, "web", 1);
  expect(await namesOf(city, "web")).toEqual([first]);
  const retired = (await happenings(city)).filter(({ kind }) => kind === "instance.retired");
  expect(retired.map(({ subject }) => subject).sort()).toEqual([second, third]);
  expect((await load.stop()).failures).toEqual([]);

  expect((await city.fairlead("scale", "web=0")).code).toBe(8);
  expect((await city.fairlead("scale", "web=0", "-y")).code).toBe(0);
  await untilReady(city, "web", 0);
  expect((await city.get("/version")).status).toBe(503);
  expect((await city.fairlead("scale", "web=2")).code).toBe(0);
  await untilReady(city, "web", 2);
  expect((await city.get("/version")).status).toBe(200);

  // The number given by hand outlives a deployment, until it is given back.
  await city.setVersion("2");
  expect((await city.deploy()).code).toBe(0);
  await untilReady(city, "web", 2);
  expect((await city.fairlead("scale", "web=manifest")).code).toBe(0);
  await untilReady(city, "web", 3);
  const single = await city.fairlead("scale", "clock=2");
  expect(single.code).toBe(5);
});

test("down stops one environment and leaves the other alone; the next deploy brings it back", async () => {
  await using city = await City.found();
  await city.editManifest((text) => `${quick(text)}environments:\n  staging: { services: { web: { replicas: 1 } } }\n`);
  await city.startController();
  await city.setVersion("production");
  expect((await city.deploy()).code).toBe(0);
  await city.setVersion("staging");
  expect((await city.deploy("-e", "staging")).code).toBe(0);
  const stagingHost = "staging--web.beacon.localhost";
  expect((await city.get("/version")).body).toBe("production");
  expect((await city.get("/version", stagingHost)).body).toBe("staging");
  expect((await statusOf(city, "staging")).services).toMatchObject([{}, {}, {}]);
  const before = await namesOf(city, "web");

  expect((await city.fairlead("down")).code).toBe(8);
  const load = lightLoad(city, { host: stagingHost });
  expect((await city.fairlead("down", "-y")).code).toBe(0);
  expect(await statusOf(city)).toMatchObject({ state: "stopped", release: null });
  expect((await city.get("/version")).status).toBe(404);
  // Nothing runs any more; what has ended is forgotten a moment later.
  await until(
    async () => !(await city.testbed.present()).some((name) => name.startsWith("fl-beacon-production-")),
    "nothing of it is left",
  );

  await city.setVersion("again");
  expect((await city.deploy()).deployment).toMatchObject({ status: "live" });
  expect((await city.get("/version")).body).toBe("again");
  expect(await namesOf(city, "web")).not.toEqual(before);
  const report = await load.stop();
  expect(report.failures).toEqual([]);
  expect(Object.keys(report.versionsSeen)).toEqual(["staging"]);

  // Destroyed, it is gone: nothing runs, nothing is known of it, and it begins anew.
  expect((await city.fairlead("destroy", "-e", "staging", "-y")).code).toBe(8);
  expect((await city.fairlead("destroy", "-e", "staging", "--confirm", "staging")).code).toBe(0);
  expect((await city.testbed.present()).some((name) => name.startsWith("fl-beacon-staging-"))).toBe(false);
  expect((await city.fairlead("status", "-e", "staging")).code).toBe(4);
  expect((await city.get("/version", stagingHost)).status).toBe(404);
  expect((await city.fairlead("logs", "-e", "staging")).code).toBe(4);
  expect((await city.get("/version")).body).toBe("again");
  expect((await city.deploy("-e", "staging")).deployment).toMatchObject({ status: "live", release: "v1" });
});

test("a killed edge comes back by itself with its routes, and without a controller its apps live on", async () => {
  await using city = await City.found();
  await city.editManifest(quick);
  await city.startController();
  expect((await city.deploy()).code).toBe(0);
  const before = await namesOf(city, "web");
  killAll(await edgeOf(city));
  await until(() => answers(city), "the edge answers again with its routes");
  expect(await namesOf(city, "web")).toEqual(before);

  // Killed together with the controller, it is the next controller that brings it back.
  await city.killController("SIGKILL");
  killAll(await edgeOf(city));
  await until(async () => !(await answers(city)), "the edge is gone");
  await city.startController();
  await until(() => answers(city), "the edge answers after the controller came back");
  expect(await namesOf(city, "web")).toEqual(before);
  expect((await instancesOf(city, "web")).every(({ restarts }) => restarts === 0)).toBe(true);
});

test("what runs for an app that the journal does not know is left alone until a person stops its environment", async () => {
  await using city = await City.found();
  await city.editManifest(quick);
  await city.startController();
  expect((await city.deploy()).code).toBe(0);
  const before = await city.testbed.present();
  await city.killController("SIGKILL");
  const journals = (await readdir(city.state)).filter((name) => name.startsWith("journal.db"));
  for (const name of journals) await rm(join(city.state, name));
  await expect(city.startController()).rejects.toThrow(/journal\.db is missing/);
  await city.startController([cli, "controller", "--new"]);
  expect(await answers(city)).toBe(true);
  expect(await city.testbed.present()).toEqual(before);

  // A second clock beside the one that nobody can explain would be one too many.
  const refused = await city.deploy();
  expect(refused.deployment.fault?.detail).toContain("clock is single");
  expect(await city.testbed.present()).toEqual(before);
  expect((await city.fairlead("down", "--yes")).code).toBe(0);
  await until(async () => {
    const left = await city.testbed.present();
    return left.length === 0 && (await city.testbed.beside([])) === 0;
  }, "only the controller and the edge are left");
  expect((await city.deploy()).code).toBe(0);
  expect(await answers(city)).toBe(true);
});

async function answers(city: City): Promise<boolean> {
  return city.get("/version").then(
    ({ status }) => status === 200,
    () => false,
  );
}
