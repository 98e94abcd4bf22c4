import { join } from "node:path";
import { expect, test } from "vitest";
import type { DeploymentView } from "../../src/contract/deployments.ts";
import { isExhaustive, sample } from "../../src/testing/exhaustive.ts";
import { City, root, until } from "./city.ts";
import { startLoad } from "./load/load.ts";
import { platform } from "./testbed.ts";

const crashing = join(root, "test/stories/crashing-controller.ts");
/** Crash points that a usual run tries of each scenario; the simulation crashes between any two steps of thousands of runs. */
const mostPoints = platform === "docker" ? 3 : 5;
/** Some forty points of each scenario, ten seconds each on a busy machine. */
const timeout = isExhaustive ? 7_200_000 : 1_800_000;

/** The newest deployment, and the one before it. */
async function newest(city: City): Promise<{ deployment: DeploymentView; earlier: string | null }> {
  const { items } = await city.api.call("deployments", { params: city.key, query: { limit: 2 } });
  const [deployment, earlier] = items;
  if (!deployment) throw new Error("no deployment was written down");
  return { deployment, earlier: earlier?.id ?? null };
}

/** Two web instances, a worker and a single clock; of containers, which take longer to start, one web and the clock. */
const wantedInstances = platform === "docker" ? 2 : 4;

function fewer(manifest: string): string {
  if (platform !== "docker") return manifest;
  return manifest.replace("replicas: 2", "replicas: 1").replace(/^ {2}worker:\n(?: {4}.*\n)+/m, "");
}

/** A small, quick beacon. */
async function quickCity(): Promise<City> {
  const city = await City.found();
  await city.editManifest((text) =>
    fewer(text)
      .replace("within: 10s, every: 100ms, times: 2", "within: 60s, every: 100ms, times: 1")
      .replaceAll("settle: 1s", "settle: 100ms")
      .replace("watch: { for: 5s }", "watch: { for: 300ms }"),
  );
  await city.setVersion("1");
  await city.startController();
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  await city.killController("SIGTERM");
  return city;
}

interface Rest {
  readonly deployment: DeploymentView;
  readonly earlier: string | null;
  readonly serves: string | null;
}

/**
 * The newest deployment and what serves, when everything is at rest: the deployment ended, all instances
 * of one release ready, and nothing kept of any other. Null while it is not so.
 */
async function atRest(city: City): Promise<Rest | null> {
  const { deployment, earlier } = await newest(city);
  // Asked again and again while it continues, so the more costly question comes last.
  if (deployment.phase !== "ended") return null;
  const status = await city.api.call("status", { params: city.key });
  if (status.state !== "serving") return null;
  const instances = status.services.flatMap((service) => service.instances);
  if (instances.length !== wantedInstances || !instances.every((one) => one.ready && one.release === status.release))
    return null;
  const wanted = instances.map((instance) => instance.id).sort();
  const present = await city.testbed.present();
  return JSON.stringify(present) === JSON.stringify(wanted) ? { deployment, earlier, serves: status.release } : null;
}

interface Scenario {
  /** Begins the deployment number `n`; the controller may die under it. */
  readonly begin: (city: City, n: number) => Promise<unknown>;
  /** What it must have become, and what serves then. */
  readonly expected: (city: City, before: string, after: string) => { status: string; serves: string };
}

/**
 * Kills the controller after journal writes of the scenario, once after each that is tried. The controller that picks up the
 * pieces is the one that dies in the next round. Answers how often one died.
 */
async function crashAnywhere(city: City, scenario: Scenario): Promise<number> {
  await startCrashing(city, never);
  expect(await round(city, { scenario, n: never, next: never })).toBe(false);
  const writes = [...(await city.controllerLog()).matchAll(/^write \d+$/gm)].length;
  const points = sample(
    Array.from({ length: writes }, (_, at) => at + 1),
    mostPoints,
  );
  let crashes = 0;
  await city.killController();
  for (const [at, n] of points.entries()) {
    if (city.controllerDied) await startCrashing(city, n);
    const crashed = await round(city, { scenario, n, next: points[at + 1] ?? never });
    if (crashed) crashes += 1;
    else await city.killController();
  }
  console.log(`crash anywhere: after ${points.join(", ")} of ${writes} writes; ${crashes} crashes`);
  return crashes;
}

/** The controller that is given this lives on. */
const never = 0;

interface Round {
  readonly scenario: Scenario;
  /** After how many writes the controller dies. */
  readonly n: number;
  /** The same for the one that comes after it. */
  readonly next: number;
}

function startCrashing(city: City, after: number): Promise<void> {
  return city.startController([crashing, "--crash-after", String(after)]);
}

/** Whether the controller died in it. */
async function round(city: City, { scenario, n, next }: Round): Promise<boolean> {
  const { rest: before } = await comeToRest(city, next);
  const last = before.deployment.id;
  const { begun, crashed: crashedEarly } = await beginSurely(city, { scenario, n, next, last });
  const { rest, crashed } = await comeToRest(city, next);
  await begun;
  const wanted = scenario.expected(city, before.serves ?? "nothing", rest.deployment.release);
  const { status, fault } = rest.deployment;
  const unexpected = wanted.status === "live" ? fault : null;
  const { earlier, serves } = rest;
  expect({ n, status, serves, fault: unexpected, earlier }).toEqual({ n, ...wanted, fault: null, earlier: last });
  return crashed || crashedEarly;
}

/**
 * The request or its answer may be lost with the controller. The client asks again with the same key, and whoever comes
 * after the one that died answers: there is one deployment more and no second one. `begun` waits for that.
 */
async function beginSurely(city: City, { scenario, n, next, last }: Round & { readonly last: string }) {
  let crashed = false;
  let begun: Promise<unknown> | null = null;
  await until(async () => {
    begun ??= scenario.begin(city, n).catch(() => {
      begun = null;
    });
    crashed = (await revive(city, next)) || crashed;
    const first = await newest(city).catch(() => null);
    return first !== null && first.deployment.id !== last;
  }, `deployment ${n} is written down`);
  return { begun, crashed };
}

/** Starts the controller that comes after one that died. */
async function revive(city: City, next: number): Promise<boolean> {
  if (!city.controllerDied) return false;
  await startCrashing(city, next);
  return true;
}

/** Waits until everything is at rest; a controller that died is started again. */
async function comeToRest(city: City, next: number): Promise<{ rest: Rest; crashed: boolean }> {
  let crashed = false;
  const found: Rest[] = [];
  await until(async () => {
    crashed = (await revive(city, next)) || crashed;
    const rest = await atRest(city).catch(() => null);
    if (rest && !city.controllerDied) found.push(rest);
    return found.length > 0;
  }, "everything is at rest").catch(async (thrown) => {
    const status = await city.api.call("status", { params: city.key }).catch(String);
    const log = (await city.controllerLog()).split("\n").slice(-15).join("\n");
    throw new Error(`${String(thrown)}\n${JSON.stringify(status, null, 1)}\n${log}`);
  });
  const rest = found[0];
  if (!rest) throw new Error("nothing was found at rest");
  return { rest, crashed };
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
  expect(await work()).toBeGreaterThan(0);
  const report = await load.stop();
  expect(report.failures).toEqual([]);
}

test.concurrent("a deploy whose controller is killed after any journal write ends live", {
  timeout,
}, async () => {
  await using city = await quickCity();
  await withLoad(city, () =>
    crashAnywhere(city, {
      begin: async (where, n) => {
        await where.setVersion(`good-${n}`);
        await where.beginDeploy();
      },
      expected: (_city, _before, after) => ({ status: "live", serves: after }),
    }),
  );
});

test.concurrent("a failing deploy whose controller is killed after any journal write ends failed", {
  timeout,
}, async () => {
  await using city = await quickCity();
  await city.setFault("exit-at-once");
  await withLoad(city, () =>
    crashAnywhere(city, {
      begin: async (where, n) => {
        await where.setVersion(`bad-${n}`);
        await where.beginDeploy();
      },
      expected: (_city, before) => ({ status: "failed", serves: before }),
    }),
  );
});

test.concurrent("a rollback whose controller is killed after any journal write ends live", {
  timeout,
}, async () => {
  await using city = await quickCity();
  await city.startController();
  await city.setVersion("2");
  expect((await city.deploy()).deployment.release).toBe("v2");
  await city.killController("SIGTERM");
  await withLoad(city, () =>
    crashAnywhere(city, {
      begin: async (where) => {
        const { release } = await where.api.call("status", { params: where.key });
        await where.api.call("beginDeployment", {
          params: where.key,
          body: { kind: "rollback", release: release === "v1" ? "v2" : "v1" },
        });
      },
      expected: (_city, _before, after) => ({ status: "live", serves: after }),
    }),
  );
});
