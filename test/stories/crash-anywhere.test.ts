import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DeploymentView } from "../../src/contract/deployments.ts";
import { City, root, until } from "./city.ts";
import { startLoad } from "./load/load.ts";

const crashing = join(root, "test/stories/crashing-controller.ts");
/** Far more writes than any of the deployments below makes; reaching it means the story never ended. */
const mostWrites = 120;

async function newest(city: City): Promise<DeploymentView> {
  const { items } = await city.api.deployments(city.key, { limit: 1 });
  const first = items[0];
  if (!first) throw new Error("no deployment was written down");
  return first;
}

/** A small, quick beacon: two web instances, a worker and a single clock. */
async function quickCity(): Promise<City> {
  const city = await City.found();
  await city.editManifest((text) =>
    text
      .replace("within: 10s, every: 100ms, times: 2", "within: 10s, every: 100ms, times: 1")
      .replaceAll("settle: 1s", "settle: 100ms")
      .replace("watch: { for: 5s }", "watch: { for: 300ms }"),
  );
  await city.setVersion("1");
  await city.startController();
  expect((await city.deploy()).deployment.status).toBe("live");
  await city.killController("SIGTERM");
  return city;
}

/** Nothing but what the serving release needs: 2 web, 1 worker, 1 clock, each with its directory. */
async function expectNoOrphans(city: City, release: string): Promise<void> {
  await until(async () => (await city.api.status(city.key)).state === "serving", "everything is at rest");
  const status = await city.api.status(city.key);
  expect(status).toMatchObject({ state: "serving", release });
  const instances = status.services.flatMap((service) => service.instances);
  expect(instances.map((instance) => instance.release)).toEqual([release, release, release, release]);
  expect(instances.every((instance) => instance.ready)).toBe(true);
  const names = (await readdir(join(city.state, "run"))).filter((name) => name.startsWith("fl-beacon"));
  expect(names.sort()).toEqual(instances.map((instance) => instance.id).sort());
}

interface Scenario {
  /** Begins the deployment number `n`; the controller may die under it. */
  readonly begin: (city: City, n: number) => Promise<unknown>;
  /** What it must have become, and what serves then. */
  readonly expected: (city: City, before: string, after: string) => { status: string; serves: string };
}

/**
 * Kills the controller after every single journal write of the scenario: the n-th time after its n-th write, until one
 * gets through. The controller that picks up the pieces is the one that dies in the next round.
 */
async function crashEverywhere(city: City, { begin, expected }: Scenario): Promise<number> {
  await city.startController([crashing, "--crash-after", "1"]);
  for (let n = 1; n <= mostWrites; n += 1) {
    const serving = await served(city);
    const last = (await newest(city)).id;
    // The answer may be lost with the controller; what counts is what the journal says.
    await begin(city, n).catch(() => null);
    const crashed = await crashedOrEnded(city, last);
    if (crashed) await city.startController([crashing, "--crash-after", String(n + 1)]);
    await until(async () => (await newest(city)).phase === "ended", `deployment ${n} has ended`);
    const { id, status, release } = await newest(city);
    expect(id).not.toBe(last);
    const wanted = expected(city, serving, release);
    expect({ n, status }).toEqual({ n, status: wanted.status });
    await expectNoOrphans(city, wanted.serves);
    if (!crashed) return n;
  }
  throw new Error(`the scenario did not get through within ${mostWrites} writes`);
}

async function served(city: City): Promise<string> {
  await until(async () => (await city.api.status(city.key)).state === "serving", "the environment serves");
  return (await city.api.status(city.key)).release ?? "nothing";
}

/** True when the controller died, false when the deployment got to its end. */
async function crashedOrEnded(city: City, last: string): Promise<boolean> {
  let dead = false;
  void city.controllerEnded().then(() => {
    dead = true;
  });
  await until(async () => {
    const first = await newest(city).catch(() => null);
    return dead || (first !== null && first.id !== last && first.phase === "ended");
  }, "the controller died or the deployment ended");
  return dead;
}

async function withLoad(city: City, work: () => Promise<number>): Promise<void> {
  const load = startLoad({
    url: city.edgeUrl,
    host: city.host(),
    connections: 8,
    ratePerSecond: 100,
    streams: 0,
    sockets: 0,
    uploads: 0,
  });
  const points = await work();
  const report = await load.stop();
  console.log(`crash anywhere: ${points} crash points, ${report.failed} failed of ${report.requests} requests`);
  expect(report.failures).toEqual([]);
}

test("a deploy whose controller is killed after any journal write ends live", { timeout: 400_000 }, async () => {
  await using city = await quickCity();
  await withLoad(city, () =>
    crashEverywhere(city, {
      begin: async (where, n) => {
        await where.setVersion(`good-${n}`);
        await where.beginDeploy();
      },
      expected: (_city, _before, after) => ({ status: "live", serves: after }),
    }),
  );
});

test("a failing deploy whose controller is killed after any journal write ends failed", {
  timeout: 400_000,
}, async () => {
  await using city = await quickCity();
  await city.setFault("exit-at-once");
  await withLoad(city, () =>
    crashEverywhere(city, {
      begin: async (where, n) => {
        await where.setVersion(`bad-${n}`);
        await where.beginDeploy();
      },
      expected: (_city, before) => ({ status: "failed", serves: before }),
    }),
  );
});

test("a rollback whose controller is killed after any journal write ends live", { timeout: 400_000 }, async () => {
  await using city = await quickCity();
  await city.startController();
  await city.setVersion("2");
  expect((await city.deploy()).deployment.release).toBe("v2");
  await city.killController("SIGTERM");
  await withLoad(city, () =>
    crashEverywhere(city, {
      begin: async (where) => {
        const { release } = await where.api.status(where.key);
        await where.api.beginDeployment(where.key, { kind: "rollback", release: release === "v1" ? "v2" : "v1" });
      },
      expected: (_city, _before, after) => ({ status: "live", serves: after }),
    }),
  );
});
