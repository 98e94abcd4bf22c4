import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { openJournal } from "../../src/adapters/journal/sqlite/open.ts";
import { Fault } from "../../src/base/faults.ts";
import { newId } from "../../src/base/ids.ts";
import type { Client } from "../../src/client/client.ts";
import type { ControlLoop } from "../../src/engine/engine.ts";
import { createEngine } from "../../src/engine/loop.ts";
import { openAdapters } from "../../src/main/adapters.ts";
import { systemClock } from "../../src/main/clock.ts";
import type { Deployment } from "../../src/model/deployment.ts";
import { type EnvKey, keyText } from "../../src/model/environment.ts";
import type { Release } from "../../src/model/release.ts";
import { plan } from "../../src/plan/decide.ts";
import type { Snapshot } from "../../src/plan/plan.ts";
import type { Change, Journal } from "../../src/ports/journal.ts";
import type { Installation } from "./installation.ts";
import { plainEnvironment, until } from "./programs.ts";
import { median, quantile, type Row, row, show } from "./row.ts";
import { mustBeLive, Site } from "./site.ts";
import { writeTrivial } from "./trivial.ts";

const environments = 200;
/** Deployments of each environment in the journal before and after its history is made ten times as long. */
const history = { short: 5, long: 50 };
const eventsEach = 12;
const stepsEach = 12;
const reads = 600;
const calmMs = 3_000;

const keys: readonly EnvKey[] = Array.from({ length: environments }, (_, i) => ({
  app: `many-${String(i).padStart(3, "0")}`,
  environment: "production",
}));

/**
 * One app is deployed; its release is copied in the journal for 199 others, whose instances a new controller then starts
 * by itself. So everything is real, instances included, and only the way there is short.
 */
export async function benchMany(installation: Installation): Promise<readonly Row[]> {
  await using site = new Site(installation);
  await settle(site);
  const reading = await readApi(site.api);
  const edge = new URL(await site.edgeUrl());
  await site.stopController();
  const { short, long } = await reconcile(site, { host: edge.hostname, port: Number(edge.port) });
  const growth = long.p50 / short.p50;
  return [
    row({
      what: `one reconcile at rest among ${environments} environments with real instances, journal and edge`,
      measured: `${show(long.p50)} ms p50, ${show(long.p95)} ms p95 (CPU ${show(long.cpuMs)} ms each)`,
      budget: "≤ 50 ms",
      within: long.p95 <= 50,
      figures: { p50Ms: long.p50, p95Ms: long.p95, cpuMs: long.cpuMs },
    }),
    row({
      what: `the same with ${history.long} deployments each in the journal against ${history.short}`,
      measured: `${show(growth)} × (CPU ${show(long.cpuMs / short.cpuMs)} ×)`,
      budget: "no growth: ≤ 1.2 ×",
      within: Math.min(growth, long.cpuMs / short.cpuMs) <= 1.2,
      figures: { growth, cpuGrowth: long.cpuMs / short.cpuMs, shortP50Ms: short.p50 },
    }),
    row({
      what: `API reads at ${environments} environments: lists, status, deployments, releases, events, logs`,
      measured: `${show(reading.p95)} ms p95, ${show(reading.p50)} ms p50; slowest kind ${reading.slowest}`,
      budget: "p95 ≤ 50 ms",
      within: reading.p95 <= 50,
      figures: { p50Ms: reading.p50, p95Ms: reading.p95, ...reading.kinds },
    }),
  ];
}

async function settle(site: Site): Promise<void> {
  const [first, ...others] = keys;
  if (first === undefined) return;
  await site.startController();
  const { id } = mustBeLive(await site.deploy(writeTrivial(site, { app: first.app, watch: "0s" }), first));
  await site.stopController();
  const journal = await openJournal(join(site.state, "journal.db"), systemClock);
  for (const key of keys) await remember(journal, { like: id, key, deployments: history.short });
  for (const key of others) await serve(journal, { like: id, key });
  await journal.close();
  await site.startController();
  const serving = async (key: EnvKey) => (await site.api.call("status", { params: key })).state === "serving";
  for (const key of keys) await until(() => serving(key), `${key.app} serves`, 300_000);
  await pause(calmMs);
}

interface Copy {
  readonly like: string;
  readonly key: EnvKey;
}

async function recordsOf(journal: Journal, { like, key }: Copy): Promise<{ deployment: Deployment; release: Release }> {
  const deployment = await journal.deployments.find(like);
  const release = deployment && (await journal.releases.find(deployment.key, deployment.release));
  if (!deployment || !release) throw new Fault("operation.failed", "the first app is not in the journal");
  const copy = JSON.stringify({ deployment, release }).replaceAll(deployment.key.app, key.app);
  return JSON.parse(copy) as { deployment: Deployment; release: Release };
}

/** Writes down that an environment serves a copy of the release; what follows from it is the engine's. */
async function serve(journal: Journal, copy: Copy): Promise<void> {
  const { deployment, release } = await recordsOf(journal, copy);
  const number = (await journal.releases.lastNumber(copy.key)) + 1;
  const id = newId("dep", systemClock.now());
  const serving = { release: number, generations: { web: id } };
  await journal.commit([
    { kind: "release", release: { ...release, number } },
    { kind: "deployment", deployment: { ...deployment, id, release: number } },
    { kind: "serving", key: copy.key, serving },
  ]);
}

/** Writes down deployments that ended long ago, each with its events. */
async function remember(journal: Journal, { deployments, ...copy }: Copy & { deployments: number }): Promise<void> {
  const { deployment, release } = await recordsOf(journal, copy);
  const last = await journal.releases.lastNumber(copy.key);
  const changes: Change[] = [];
  for (let i = 1; i <= deployments; i += 1) {
    const at = systemClock.now();
    const past = { ...deployment, id: newId("dep", at), release: last + i };
    changes.push(
      { kind: "release", release: { ...release, number: last + i } },
      { kind: "deployment", deployment: past },
    );
    const event = { at, key: copy.key, deployment: past.id, subject: null, detail: "the past" };
    for (let n = 0; n < eventsEach; n += 1)
      changes.push({ kind: "event", event: { ...event, kind: "deployment.phase" } });
  }
  await journal.commit(changes);
}

/** Steps have no way into the journal but one by one; ten thousands at once go past it. */
function rememberSteps(file: string): void {
  const database = new DatabaseSync(file);
  database.exec("BEGIN");
  const insert = database.prepare(
    `INSERT INTO step (environment, deployment, what, subject, why, begun_at, ended_at)
     SELECT environment, id, 'start', 'an instance', 'it was wanted', 0, 1 FROM deployment WHERE phase = 'ended'`,
  );
  for (let n = 0; n < stepsEach; n += 1) insert.run();
  database.exec("COMMIT");
  database.close();
}

const kinds: Readonly<Record<string, (api: Client, key: EnvKey) => Promise<unknown>>> = {
  environments: (api) => api.call("environments"),
  status: (api, key) => api.call("status", { params: key }),
  deployments: (api, key) => api.call("deployments", { params: key, query: { limit: 20 } }),
  releases: (api, key) => api.call("releases", { params: key, query: { limit: 20 } }),
  events: (api, { app, environment }) =>
    api.raw({ method: "GET", path: `/v1/apps/${app}/environments/${environment}/events?limit=50` }),
  logs: (api, key) => api.call("logs", { params: key, query: { tail: 100 } }),
};

/** All kinds of reads in turn, each of another environment, one after the other on a connection of its own. */
async function readApi(api: Client) {
  const seen = new Map(Object.keys(kinds).map((name) => [name, [] as number[]]));
  for (let i = 0; i < reads; i += 1) {
    const [name, read] = Object.entries(kinds)[i % seen.size] ?? [];
    const key = keys[(i * 7) % keys.length];
    if (name === undefined || read === undefined || key === undefined) continue;
    const began = performance.now();
    await read(api, key);
    seen.get(name)?.push(performance.now() - began);
  }
  const all = [...seen.values()].flat();
  const each = [...seen].map(([name, times]) => [name, quantile(times, 0.95)] as const);
  const [slowest = ["", 0] as const] = [...each].sort((a, b) => b[1] - a[1]);
  return {
    p50: median(all),
    p95: quantile(all, 0.95),
    slowest: `${slowest[0]} (p95 ${show(slowest[1])} ms)`,
    kinds: Object.fromEntries(each.map(([name, ms]) => [`${name}P95Ms`, ms])),
  };
}

interface Reconciles {
  readonly p50: number;
  readonly p95: number;
  readonly cpuMs: number;
}

/** Runs the engine in this process on the site's state directory, so that single reconciles can be timed. */
async function reconcile(site: Site, edge: { host: string; port: number }) {
  const adapters = await openAdapters({ stateDirectory: site.state, edge, env: plainEnvironment });
  await adapters.edge.ensure();
  const log = { warn: () => undefined, error: () => undefined };
  const waiting = new Map<string, () => void>();
  const watched = (s: Snapshot) => {
    const decided = plan(s);
    if (decided.steps.length === 0) waiting.get(keyText(s.key))?.();
    return decided;
  };
  const engine = createEngine({ ...adapters, clock: systemClock, log, plan: watched });
  try {
    await engine.start();
    await timeReconciles(engine, waiting);
    const short = await timeReconciles(engine, waiting);
    const [first] = await adapters.journal.deployments.page(keys[0] ?? { app: "", environment: "" }, { limit: 1 });
    const deployments = history.long - history.short;
    for (const key of keys) await remember(adapters.journal, { like: first?.id ?? "", key, deployments });
    rememberSteps(join(site.state, "journal.db"));
    return { short, long: await timeReconciles(engine, waiting) };
  } finally {
    await engine.stop();
    for (const port of [adapters.journal, adapters.runtime, adapters.edge, adapters.logs]) await port.close();
  }
}

/** A reconcile at rest begins when what was asked for alone is done, and ends with a plan of no steps. */
async function timeReconciles(engine: ControlLoop, waiting: Map<string, () => void>): Promise<Reconciles> {
  const seen: number[] = [];
  const cpu = process.cpuUsage();
  for (let turn = 0; turn < 5; turn += 1) {
    for (const key of keys) {
      const planned = Promise.withResolvers<void>();
      await engine.exclusively(key, async () => {
        waiting.set(keyText(key), planned.resolve);
      });
      const began = performance.now();
      await planned.promise;
      seen.push(performance.now() - began);
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  return { p50: median(seen), p95: quantile(seen, 0.95), cpuMs: (user + system) / 1_000 / seen.length };
}
