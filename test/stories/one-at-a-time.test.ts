import { expect, test } from "vitest";
import { City, until } from "./city.ts";
import { deployments, lightLoad, namesOf, quick, statusOf } from "./scene.ts";

/** So long a gate that only its probe or a cancellation ends it. */
const patientGate = (text: string) => quick(text).replace("within: 60s", "within: 10m");

async function untilPhase(city: City, phase: string): Promise<void> {
  await until(async () => (await statusOf(city)).deployment?.phase === phase, `a deployment is in ${phase}`);
}

test("a second controller on the same state is refused and told who holds it; the first one goes on", async () => {
  await using city = await City.found();
  await city.startController();
  const second = await city.fairlead("controller", "--edge", "127.0.0.1:0");
  expect(second.code).toBe(5);
  expect(second.stderr).toContain(`in use by process ${city.controllerPid}`);
  expect((await city.fairlead("api", "GET", "/v1/info")).code).toBe(0);
  await city.killController("SIGKILL");
  // The lock is the system's: no leftover of a killed controller keeps the next one out.
  await city.startController();
});

test("deployments run one after the other, and the newest waiting one supersedes the others", async () => {
  await using city = await City.found();
  await city.editManifest(patientGate);
  await city.startController();
  await city.setFault("never-ready");
  const first = await city.beginDeploy();
  await untilPhase(city, "gate");
  await city.setFault("");
  for (const version of ["2", "3"]) {
    await city.setVersion(version);
    expect((await city.fairlead("deploy", "--detach")).code).toBe(0);
  }
  const { queue } = await statusOf(city);
  expect(queue.map(({ release }) => release)).toEqual(["v2", "v3"]);
  // What waits begins as soon as the one before it is over, however that ends.
  await city.api.call("cancelDeployment", { params: { id: first.id } });
  const attached = await city.fairlead("deployments", "attach", queue[1]?.id ?? "", "--json");
  expect(attached.code).toBe(0);
  expect(JSON.parse(attached.stdout)).toMatchObject({ deployment: { status: "live", release: "v3", previous: null } });
  expect((await deployments(city)).map(({ release, status }) => [release, status])).toEqual([
    ["v3", "live"],
    ["v2", "superseded"],
    ["v1", "cancelled"],
  ]);
  expect((await city.get("/version")).body).toBe("3");
});

test("a cancelled deployment leaves nothing behind, and whoever follows it is told", async () => {
  await using city = await City.found();
  await city.editManifest(patientGate);
  await city.startController();
  await city.setVersion("good");
  expect((await city.deploy()).code).toBe(0);
  const before = await namesOf(city, "web");
  const load = lightLoad(city, { streams: 1 });
  await city.setVersion("unwanted");
  await city.setFault("never-ready");
  const begun = await city.deploy("--detach");
  expect(begun.code).toBe(0);
  await untilPhase(city, "gate");
  const following = city.fairlead("deployments", "attach", begun.deployment.id);
  expect((await city.fairlead("deployments", "cancel")).code).toBe(0);
  const told = await following;
  expect(told.code).toBe(1);
  expect(told.stderr).toMatch(/v2 cancelled: cancelled in phase gate; v1 keeps serving/);
  expect(await namesOf(city, "web")).toEqual(before);
  expect((await city.get("/version")).body).toBe("good");
  const again = await city.fairlead("deployments", "cancel", begun.deployment.id);
  expect(again.code).toBe(5);
  expect((await load.stop()).failures).toEqual([]);
  const { services } = await statusOf(city);
  const serving = services.flatMap(({ instances }) => instances.map(({ id }) => id));
  await until(async () => (await city.testbed.beside(serving)) === 0, "nothing of it is left");
});
