import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { City, until } from "./city.ts";
import { deployments, happenings, instancesOf, lightLoad, quick, startMs, statusOf, throughout } from "./scene.ts";

test("v1, v2, back to v1, and one that was staged: what serves is exactly what was asked for, and the events show every boot", async () => {
  await using city = await City.found();
  await city.editManifest(quick);
  await city.startController();

  await city.setVersion("one");
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", release: "v1" });
  expect((await city.get("/version")).body).toBe("one");

  await city.setVersion("two");
  const second = await city.deploy("--message", "the second");
  expect(second.deployment).toMatchObject({ status: "live", release: "v2", previous: "v1" });
  expect((await city.get("/version")).body).toBe("two");
  expect(await runningReleases(city)).toEqual(["v2"]);

  const back = await city.fairlead("rollback", "v1");
  expect(back.code).toBe(0);
  expect(back.stdout).toContain("Live: v1 (was v2)");
  expect((await city.get("/version")).body).toBe("one");
  expect(await runningReleases(city)).toEqual(["v1"]);

  await city.setVersion("three");
  const staged = (await city.deploy("--stage")).deployment;
  expect(staged).toMatchObject({ status: "staged", release: "v3" });
  expect((await city.get("/version")).body).toBe("one");
  const fourth = (await city.deploy("--staged")).deployment;
  expect(fourth).toMatchObject({ status: "live", release: "v4", previous: "v1" });
  expect((await city.get("/version")).body).toBe("three");
  expect(await runningReleases(city)).toEqual(["v4"]);
  expect((await city.deploy("--stage")).deployment).toMatchObject({ status: "staged", release: "v5" });
  const same = await city.fairlead("deploy", "--staged");
  expect([same.code, same.stdout]).toEqual([0, expect.stringContaining("Nothing changed: v4 serves.")]);
  const [stepsOfStaging, stepsAfter] = await Promise.all([staged, fourth].map(({ id }) => stepsOf(city, id)));
  expect([stepsOfStaging, stepsAfter?.includes("build")]).toEqual([["build"], false]);

  const boots = (await happenings(city))
    .filter(({ kind, subject }) => kind === "instance.gated" && subject?.includes("-web-"))
    .map(({ subject }) => /-v\d+-/.exec(subject ?? "")?.[0]);
  expect(boots).toEqual(["-v1-", "-v1-", "-v2-", "-v2-", "-v1-", "-v1-", "-v4-", "-v4-"]);
  const running = await runningNames(city);
  await until(async () => (await city.testbed.present()).join() === running.join(), "only what runs is kept");
});

test("a release with a syntax error fails with the app's own words, and the old web and worker go on untouched", async () => {
  await using city = await City.found();
  await city.editManifest(quick);
  await city.startController();
  await city.setVersion("good");
  expect((await city.deploy()).code).toBe(0);
  const before = await runningNames(city);

  await writeFile(join(city.app, "web.ts"), "const answer = = 42;\n");
  const broken = await city.fairlead("deploy");
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain("SyntaxError");
  expect(broken.stderr).toContain("const answer = = 42;");
  expect((await city.get("/version")).body).toBe("good");
  expect(await runningNames(city)).toEqual(before);
  expect(await statusOf(city)).toMatchObject({ state: "serving", release: "v1" });
  const started = (await happenings(city)).map(({ subject }) => subject ?? "");
  expect(started.filter((subject) => subject.includes("-clock-v2-"))).toEqual([]);
  expect(started.some((subject) => subject.includes("-web-v2-"))).toBe(true);

  await until(
    async () => (await city.testbed.present()).join() === before.join(),
    "the failed instances are forgotten",
  );
  const kept = await city.fairlead("logs", "--release", "v2", "-n", "50");
  expect(kept.stdout).toContain("SyntaxError");
});

test("when web passes and the worker fails, the old web lives on past every timer", async () => {
  await using city = await City.found();
  await city.editManifest(quick);
  await city.startController();
  await city.setVersion("good");
  expect((await city.deploy()).code).toBe(0);
  const before = await runningNames(city);

  // Time for the web to get ready before the worker fails, and for that before the worker would be good.
  const crashMs = Math.round(Math.max(2_000, 3 * (await startMs(city))));
  await city.editManifest((text) => text.replaceAll("settle: 300ms", `settle: ${2 * crashMs}ms`));
  await city.setVersion("bad");
  await writeFile(join(city.app, "worker.ts"), `setTimeout(() => process.exit(1), ${crashMs});\n`);
  const load = lightLoad(city, { streams: 2 });
  expect((await city.fairlead("deploy")).code).toBe(1);
  expect((await happenings(city)).some((it) => it.kind === "instance.gated" && it.subject?.includes("-web-v2-"))).toBe(
    true,
  );
  // Drain, stop and watch are at most two seconds each: whatever would still retire the old web has run by then.
  await throughout(5_000, async () => {
    expect((await city.get("/version")).body).toBe("good");
    expect(await runningNames(city)).toEqual(before);
  });
  const report = await load.stop();
  expect(report.failures).toEqual([]);
  expect(Object.keys(report.versionsSeen)).toEqual(["good"]);
});

test("a worker that becomes a web service on redeploy is replaced as a whole", async () => {
  await using city = await City.found();
  const first =
    "version: 1\napp: beacon\nservices:\n  worker: { run: node worker.ts, settle: 300ms, stop: { within: 2s } }\n";
  const http = "http: { ready: { path: /ready, every: 100ms, times: 1 } }";
  const second = `version: 1\napp: beacon\nservices:\n  web: { run: node web.ts, ${http} }\n`;
  await city.editManifest(() => first);
  await city.startController();
  expect((await city.deploy()).deployment.status).toBe("live");
  expect((await city.get("/version")).status).toBe(404);

  await city.editManifest(() => `${second}deploy: { watch: { for: 300ms } }\n`);
  expect((await city.deploy()).deployment.status).toBe("live");
  expect((await city.get("/version")).status).toBe(200);
  expect((await statusOf(city)).services.map(({ name }) => name)).toEqual(["web"]);
  expect(await instancesOf(city, "web")).toMatchObject([{ release: "v2", ready: true }]);
  const running = await runningNames(city);
  await until(async () => (await city.testbed.present()).join() === running.join(), "only what runs is kept");
});

test("the release command runs once in the new release; when it fails, nothing of it starts and the old one serves", async () => {
  await using city = await City.found();
  await city.editManifest((text) => quick(text).replace("replicas: 2", "replicas: 2\n    release: node migrate.ts"));
  await writeFile(join(city.app, "migrate.ts"), 'console.log("migrating as", process.env.RELEASE);\n');
  await city.startController();
  await city.setVersion("good");
  expect((await city.deploy()).code).toBe(0);
  const migrations = async () =>
    (await city.fairlead("logs", "--grep", "^migrating", "--no-prefix")).stdout.split("\n");
  expect(await migrations()).toEqual(["migrating as v1", ""]);

  await city.setVersion("bad");
  await writeFile(join(city.app, "migrate.ts"), 'console.error("column exists already");\nprocess.exit(3);\n');
  const failed = await city.fairlead("deploy");
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/release command of web failed \(exit 3\): node migrate\.ts/);
  expect(failed.stderr).toContain("column exists already");
  expect((await deployments(city))[0]).toMatchObject({ status: "failed", fault: { code: "release.command-failed" } });
  expect((await city.get("/version")).body).toBe("good");
  expect((await happenings(city)).filter(({ subject }) => /-(web|worker|clock)-v2-/.test(subject ?? ""))).toEqual([]);

  // A rollback and a restart are no new code: the command does not run for them.
  expect((await city.fairlead("restart", "web")).code).toBe(0);
  expect(await migrations()).toEqual(["migrating as v1", ""]);
});

/** Names of all instances that run, in order. */
async function runningNames(city: City): Promise<readonly string[]> {
  const { services } = await statusOf(city);
  const all = services.flatMap(({ instances }) => instances);
  return all
    .filter(({ state }) => state !== "crashed")
    .map(({ id }) => id)
    .sort();
}

async function runningReleases(city: City): Promise<readonly string[]> {
  const { services } = await statusOf(city);
  return [...new Set(services.flatMap(({ instances }) => instances.map(({ release }) => release)))];
}

/** The words of what was done for a deployment. */
async function stepsOf(city: City, id: string): Promise<readonly string[]> {
  return (await city.api.call("deployment", { params: { id } })).steps.map(({ what }) => what);
}
