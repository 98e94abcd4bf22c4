import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { City, until } from "./city.ts";
import { deployed, happenings, instancesOf, lightLoad, quick, statusOf, untilReady } from "./scene.ts";

/** Answers with its instance's name, and stops being ready or alive when it is told to. */
const moody = `
import { createServer } from "node:http";
const bad = new Set();
createServer((request, response) => {
  if (request.method === "POST") bad.add(request.url);
  if (request.method === "DELETE") bad.delete(request.url);
  response.statusCode = bad.has(request.url) ? 503 : 200;
  response.end(process.env.FAIRLEAD_INSTANCE);
}).listen(Number(process.env.PORT));
`;

const moodyManifest = `version: 1
app: beacon
services:
  web:
    run: node moody.mjs
    replicas: 2
    http:
      ready: { path: /ready, every: 100ms, times: 2 }
      alive: { path: /alive, every: 1s, failures: 2 }
    stop: { within: 2s, drain: 1s }
`;

test("failing readiness only leaves traffic and never empties it; failing aliveness restarts", async () => {
  await using city = await City.found();
  await writeFile(join(city.app, "moody.mjs"), moody);
  await city.editManifest(() => moodyManifest);
  await city.startController();
  expect((await deployed(city, "1")).status).toBe("live");
  const [first, second] = await instancesOf(city, "web");
  if (!first?.url || !second?.url) throw new Error("two instances with addresses were expected");
  const load = lightLoad(city);

  await fetch(new URL("/ready", first.url), { method: "POST" });
  await until(async () => (await answering(city)).join() === second.id, "only the second instance takes traffic");
  expect((await statusOf(city)).state).toBe("degraded");

  await fetch(new URL("/ready", second.url), { method: "POST" });
  await until(
    async () => (await happenings(city)).some(({ kind }) => kind === "edge.last-upstream-kept"),
    "it is told that the last upstream was kept",
  );
  expect((await answering(city)).length).toBeGreaterThan(0);

  for (const { url } of [first, second]) await fetch(new URL("/ready", url ?? ""), { method: "DELETE" });
  await until(async () => (await answering(city)).length === 2, "both take traffic again");
  expect((await instancesOf(city, "web")).map(({ id, restarts }) => [id, restarts])).toEqual([
    [first.id, 0],
    [second.id, 0],
  ]);

  await fetch(new URL("/alive", first.url), { method: "POST" });
  await until(async () => {
    const now = await instancesOf(city, "web");
    return now.length === 2 && now.every(({ ready, id }) => ready && id !== first.id);
  }, "the instance that is not alive is replaced");
  expect((await instancesOf(city, "web")).map(({ restarts }) => restarts)).toEqual([1, 0]);
  const notAlive = (await happenings(city)).filter(({ kind }) => kind === "instance.not-alive");
  expect(notAlive.map(({ subject }) => subject)).toEqual([first.id]);
  expect((await load.stop()).failures).toEqual([]);
});

test("a single web service is exchanged under load: requests wait, none fails, and never do two run", async () => {
  await using city = await City.found();
  await city.editManifest((text) => quick(text).replace("replicas: 2", "single: true"));
  await city.startController();
  expect((await deployed(city, "old")).status).toBe("live");
  const load = lightLoad(city);
  expect((await deployed(city, "new")).status).toBe("live");
  const report = await load.stop();
  expect(report.failures).toEqual([]);
  const { old, new: fresh } = report.versionsSeen;
  expect(old?.requests).toBeGreaterThan(0);
  expect(fresh?.requests).toBeGreaterThan(0);
  // Every answer of the old one came before the first of the new one.
  expect(old?.last).toBeLessThanOrEqual(fresh?.first ?? 0);
  await untilReady(city, "web", 1);
});

test("a canary's shares are seen in the answers, step by step", async () => {
  await using city = await City.found();
  const canary = "watch: { for: 500ms }\n  canary: { steps: [20%, 60%], every: 2s }";
  await city.editManifest((text) => quick(text).replace("watch: { for: 500ms }", canary));
  await city.startController();
  expect((await deployed(city, "old")).status).toBe("live");
  const answers: { readonly askedAt: number; readonly answeredAt: number; readonly version: string }[] = [];
  let over = false;
  const asking = (async () => {
    while (!over) {
      const askedAt = Date.now();
      const version = (await city.get("/version")).body;
      answers.push({ askedAt, answeredAt: Date.now(), version });
    }
  })();
  const { id, status } = await deployed(city, "new");
  over = true;
  await asking;
  expect(status).toBe("live");
  const { steps } = await city.api.call("deployment", { params: { id } });
  const [fifth, most, all] = steps
    .filter(({ what }) => what === "route")
    .map(({ begunAt, endedAt }) => ({ begun: Date.parse(begunAt), done: Date.parse(endedAt ?? "") }));
  // Of requests that were under way while the shares changed, nobody can say which had to be.
  const shareBetween = (from = 0, to = Number.POSITIVE_INFINITY): number => {
    const between = answers.filter(({ askedAt, answeredAt }) => askedAt >= from && answeredAt <= to);
    expect(between.length).toBeGreaterThan(20);
    return between.filter(({ version }) => version === "new").length / between.length;
  };
  expect(Math.abs(shareBetween(fifth?.done, most?.begun) - 0.2)).toBeLessThan(0.1);
  expect(Math.abs(shareBetween(most?.done, all?.begun) - 0.6)).toBeLessThan(0.1);
  expect(shareBetween(all?.done)).toBe(1);
});

/** The instances that answer a few requests. */
async function answering(city: City): Promise<readonly string[]> {
  const answers = await Promise.all(Array.from({ length: 12 }, () => city.get("/who")));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  return [...new Set(answers.map(({ body }) => body))];
}
