import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { City, root, until } from "./city.ts";
import { startLoad } from "./load/load.ts";

const crashing = join(root, "test/stories/crashing-controller.ts");
/** Far more writes than any of the deployments below makes; reaching it means the story never ended. */
const mostWrites = 120;

interface Deployments {
  readonly items: readonly {
    readonly id: string;
    readonly status: string;
    readonly phase: string;
    readonly release: string;
  }[];
}

async function newest(city: City): Promise<Deployments["items"][number]> {
  const { items } = await city.json<Deployments>("deployments", "list");
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
  const status = await city.status();
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

/** Kills the controller after every single journal write of the scenario, one more each time, until it gets through. */
async function crashEverywhere(city: City, { begin, expected }: Scenario): Promise<number> {
  let serving = "v1";
  for (let n = 1; n <= mostWrites; n += 1) {
    await city.startController([crashing, "--crash-after", String(n)]);
    serving = (await settled(city)).serves ?? serving;
    const last = (await newest(city)).id;
    await begin(city, n);
    const crashed = await crashedOrEnded(city, last);
    if (crashed) await city.startController([crashing, "--crash-after", String(mostWrites * 10)]);
    await until(async () => (await newest(city)).id !== last || !crashed, "the deployment was written down");
    await until(async () => (await newest(city)).phase === "ended", `deployment ${n} has ended`);
    const { status, release } = await newest(city);
    const wanted = expected(city, serving, release);
    expect({ n, status }).toEqual({ n, status: wanted.status });
    await until(async () => (await city.status()).state === "serving", "everything is at rest");
    await expectNoOrphans(city, wanted.serves);
    serving = wanted.serves;
    await city.killController("SIGTERM");
    if (!crashed) return n;
  }
  throw new Error(`the scenario did not get through within ${mostWrites} writes`);
}

async function settled(city: City): Promise<{ serves: string | null }> {
  await until(async () => (await city.status()).state === "serving", "the environment serves");
  return { serves: (await city.status()).release };
}

/** True when the controller died, false when the deployment got to its end. */
async function crashedOrEnded(city: City, last: string): Promise<boolean> {
  let dead = false;
  void city.controllerEnded().then(() => {
    dead = true;
  });
  await until(async () => {
    if (dead) return true;
    const result = await city.fairlead("deployments", "list", "--json");
    if (result.code !== 0) return dead;
    const first = (JSON.parse(result.stdout) as Deployments).items[0];
    return first !== undefined && first.id !== last && first.phase === "ended";
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
        await where.fairlead("deploy", "--detach");
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
        await where.fairlead("deploy", "--detach");
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
        const { release } = await where.status();
        await where.fairlead("rollback", release === "v1" ? "v2" : "v1", "--detach");
      },
      expected: (_city, _before, after) => ({ status: "live", serves: after }),
    }),
  );
});
