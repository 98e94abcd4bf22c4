import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DeploymentView } from "../../src/contract/deployments.ts";
import { sample } from "../../src/testing/exhaustive.ts";
import { City } from "./city.ts";
import { deployments, lightLoad, quick, startMs, statusOf } from "./scene.ts";
import { platform } from "./testbed.ts";

interface Twin {
  readonly fault: string;
  readonly status: "failed" | "rolled-back";
  readonly code: string;
  /** What the message must name. */
  readonly says: RegExp;
  readonly edit?: (manifest: string) => string;
  /** What clients may see of it while it is watched: only its own bad answers. */
  readonly excuse?: RegExp;
}

/** Short, but long enough for the app to say what is wrong with it. */
const shortGate = (text: string) => text.replace("within: 60s", `within: ${Math.round(Math.max(2_500, 3 * goodMs))}ms`);
const longWatch = (text: string) => text.replace("for: 500ms", "for: 60s");
const littleMemory = (text: string) => longWatch(text).replace("replicas: 2", "replicas: 2\n    memory: 150MB");

/** What clients see of requests that were with an instance when it died; HAProxy closes a connection that had others before. */
const dying = platform === "docker" ? /→ 50[234]$|connection closed before the answer/ : /→ 50[234]$/;

const twins: readonly Twin[] = [
  { fault: "never-ready", status: "failed", code: "gate.not-ready", says: /GET \/ready → 503/, edit: shortGate },
  { fault: "degraded", status: "failed", code: "gate.not-ready", says: /status is "degraded"/, edit: shortGate },
  { fault: "exit-at-once", status: "failed", code: "gate.crashed", says: /exited with 1 before it was ready/ },
  {
    fault: "wrong-port",
    status: "failed",
    code: "gate.wrong-port",
    says: /listens on port \d+.*, but PORT=\d+/,
    edit: shortGate,
  },
  { fault: "worker-crash", status: "failed", code: "gate.crashed", says: /worker exited with/, edit: slowWorkerGate },
  {
    fault: "crash-after-3s",
    status: "rolled-back",
    code: "watch.crashed",
    says: /exited with 1 after the switch/,
    edit: longWatch,
    excuse: dying,
  },
  {
    fault: "errors-after-switch",
    status: "rolled-back",
    code: "watch.errors",
    says: /\d+ of \d+ requests failed/,
    edit: longWatch,
    excuse: /→ 500$/,
  },
  {
    fault: "leak",
    status: "rolled-back",
    code: "watch.crashed",
    // Plain processes are checked; a container is ended by the kernel.
    says: platform === "docker" ? /killed because it ran out of memory/ : /of memory and may use 150\.0 MB/,
    edit: littleMemory,
    // Whoever is ended by the kernel does not finish its requests.
    ...(platform === "docker" && { excuse: dying }),
  },
];

/** The worker with the fault ends two seconds after its start, which a settle time of 300 ms would not see. */
function slowWorkerGate(text: string): string {
  return text.replaceAll("settle: 300ms", `settle: ${Math.round(Math.max(4_000, 2_000 + 3 * goodMs))}ms`);
}

let city: City;
let good: string;
/** How long the good release took to start and get ready. */
let goodMs: number;

beforeAll(async () => {
  city = await City.found();
  await city.editManifest(quick);
  good = await readFile(join(city.app, "fairlead.yml"), "utf8");
  await city.startController();
  await city.setVersion("good");
  expect((await city.deploy()).code).toBe(0);
  goodMs = await startMs(city);
});
afterAll(() => city[Symbol.asyncDispose]());

// What decides is the same on both platforms: on containers some are played, others for every commit.
const played = platform === "docker" ? sample(twins, 4) : twins;

for (const { fault, status, code, says, edit, excuse } of played) {
  test(`a release that is ${fault} is ${status} and the old one answers`, async () => {
    const load = lightLoad(city, { streams: 2, sockets: 2 });
    await city.editManifest(() => (edit ? edit(good) : good));
    await city.setVersion(`bad with ${fault}`);
    await city.setFault(fault);
    const bad = await city.fairlead("deploy");
    expect(bad.code).toBe(1);
    expect(bad.stderr).toMatch(says);
    const [newest] = await deployments(city);
    expect(newest).toMatchObject({ status, fault: { code } });
    expect((await city.get("/version")).body).toBe("good");
    expect(await statusOf(city)).toMatchObject({ state: "serving", release: "v1" });
    const report = await load.stop();
    const unexcused = report.failures.filter(({ what }) => !excuse?.test(what));
    expect(unexcused).toEqual([]);
    expect(report.versionsSeen.good?.requests).toBeGreaterThan(0);
    expect(report.streams.brokenEarly + report.sockets.brokenEarly).toBe(0);
    const kept = await city.fairlead("logs", "--release", newest?.release ?? "", "-n", "50");
    expect(kept.stdout).toMatch(/beacon: |"level"/);
  });
}

test("a check that fails before a release stops it, one that fails after the switch takes it back, and both are kept", async () => {
  const check = (text: string) =>
    city.editManifest(() => good.replace("replicas: 2", `replicas: 2\n    checks: ${text}`));
  await city.setFault("");
  await city.setVersion("unchecked");
  await writeFile(join(city.app, "try.ts"), 'console.log("2 of 9 fail as", process.env.RELEASE);\nprocess.exit(3);\n');

  await check("{ before: { tests: node try.ts } }");
  const stopped = await city.fairlead("deploy");
  expect(stopped.code).toBe(1);
  expect(stopped.stderr).toMatch(/check tests of web failed: exit 3: node try\.ts/);
  const [first] = await deployments(city);
  expect(stopped.stderr).toContain(`2 of 9 fail as ${first?.release}`);
  expect(first).toMatchObject({ status: "failed", fault: { code: "release.check-failed" } });
  expect(first?.phases.map(({ phase }) => phase)).not.toContain("start");
  expect((await city.get("/version")).body).toBe("good");

  await check("{ before: { tests: node --version }, after: { missing: { http: /nowhere, within: 1s } } }");
  const back = await city.fairlead("deploy");
  expect(back.code).toBe(1);
  expect(back.stderr).toMatch(/check missing of web failed: GET \/nowhere → 404/);
  const [second] = await deployments(city);
  expect(second).toMatchObject({ status: "rolled-back", fault: { code: "watch.check-failed" } });
  expect((await city.get("/version")).body).toBe("good");
  const shown = await city.fairlead("deployments", "show", second?.id ?? "");
  expect(shown.stdout).toMatch(/^tests +web +before +passed .*exit 0$/m);
  expect(shown.stdout).toMatch(/^health +web +after +passed .*GET \/ready → 200/m);
  expect(shown.stdout).toMatch(/^missing +web +after +failed .*GET \/nowhere → 404/m);
});

test("a first release whose check fails after the switch has failed, and nothing of it is left", async () => {
  await city.editManifest(
    () => `version: 1
app: beacon
services:
  web:
    run: node web.ts
    http: { ready: { path: /ready, every: 100ms, times: 1 } }
    stop: { within: 1s, drain: 1s }
    checks: { after: { smoke: node try.ts } }
`,
  );
  const first = await city.fairlead("deploy", "-e", "first", "--create", "--json");
  expect(first.code).toBe(1);
  const { deployment } = JSON.parse(first.stdout) as { deployment: DeploymentView };
  expect(deployment).toMatchObject({ status: "failed", previous: null, fault: { code: "watch.check-failed" } });
  expect(deployment.checks).toContainEqual(
    expect.objectContaining({ when: "after", name: "smoke", outcome: "failed", detail: "exit 3: node try.ts" }),
  );
  expect((await city.fairlead("ps", "-e", "first")).stdout).toBe("No instances are running.\n");
  expect((await city.get("/version")).body).toBe("good");
});

test("a process that ignores SIGTERM is killed when its time is over, and nobody notices", async () => {
  await city.editManifest(() => good.replaceAll("within: 2s }", "within: 1s }"));
  await city.setVersion("deaf");
  await city.setFault("ignore-sigterm");
  expect((await city.deploy()).code).toBe(0);
  const load = lightLoad(city);
  await city.setFault("");
  await city.setVersion("good again");
  const after = await city.deploy();
  expect(after.deployment.status).toBe("live");
  expect((await load.stop()).failures).toEqual([]);
  const { services } = await statusOf(city);
  const releases = services.flatMap(({ instances }) => instances.map(({ release }) => release));
  expect(new Set(releases)).toEqual(new Set([after.deployment.release]));
  expect((await city.fairlead("logs", "web", "--grep", "SIGTERM ignored")).stdout).not.toBe("");
});
