import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openLogs } from "../../src/adapters/logs/sqlite/open.ts";
import { processRuntime } from "../../src/adapters/runtime/process/runtime.ts";
import { Fault } from "../../src/base/faults.ts";
import { LogIngest } from "../../src/engine/ingest.ts";
import { Redactors } from "../../src/engine/redaction.ts";
import { systemClock } from "../../src/main/clock.ts";
import { type InstanceIdentity, instanceName } from "../../src/model/instance.ts";
import { type Release, unconfined } from "../../src/model/release.ts";
import type { LogStore } from "../../src/ports/logs.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import type { Vault } from "../../src/ports/vault.ts";
import { plainEnvironment, until } from "./programs.ts";
import { median, quantile, type Row, row, show } from "./row.ts";

const key = { app: "bench", environment: "production" };
const services = ["web", "api", "worker", "clock"];
/** Lines that one instance writes. */
const batch = 250_000;
const pageLines = 10_000;
const tails = 50;

interface Ingested {
  readonly lines: number;
  readonly rawBytes: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}

/**
 * Real instances write files of lines; the ingest of the engine moves them from the runtime's output files into the
 * store on disk. Then every line is read back and must be there once and in order.
 */
export async function benchLogs(lines: number): Promise<readonly Row[]> {
  const home = mkdtempSync(join(tmpdir(), "fl-bench-logs-"));
  const file = join(home, "logs.db");
  const artifact = join(home, "artifact");
  mkdirSync(artifact);
  const logs = await openLogs(file, systemClock);
  const runtime = processRuntime({
    directory: join(home, "run"),
    volumeDirectory: join(home, "volumes"),
    ports: { from: 20_000, to: 20_999 },
    userOf: async () => null,
    guard: null,
    notify: () => undefined,
    baseEnv: plainEnvironment,
    buildEnv: {},
    programsFor: async () => ({ path: process.env.PATH ?? "/usr/bin:/bin" }),
    artifactDirectory: () => artifact,
    closed: null,
    mostProcesses: null,
    clock: systemClock,
  });
  try {
    const total = await ingestAll({ home, logs, runtime }, lines);
    const tailMs = await timeTails(logs);
    await checkAll(logs, lines);
    await logs.close();
    return rowsOf(total, { tailMs, diskBytes: diskBytes(file) });
  } finally {
    await runtime.close();
    await logs.close();
    rmSync(home, { recursive: true, force: true });
  }
}

interface Bench {
  readonly home: string;
  readonly logs: LogStore;
  readonly runtime: Runtime;
}

/** A release whose twenty secrets are searched for in every line; none is there. */
function withSecrets() {
  const values = Array.from({ length: 20 }, () => randomBytes(24).toString("base64"));
  const env = Object.fromEntries(values.map((value, place) => [`SECRET_${place}`, value]));
  const release = { services: [{ env }], artifacts: [], secrets: Object.keys(env) } as unknown as Release;
  const journal = { releases: { find: async () => release }, values: { sealed: async () => [] } };
  return { redactors: new Redactors({ journal, vault: {} as Vault }) };
}

async function ingestAll(bench: Bench, lines: number): Promise<Ingested> {
  const ingest = new LogIngest({ ...bench, ...withSecrets(), clock: systemClock, log: console });
  let total: Ingested = { lines: 0, rawBytes: 0, wallMs: 0, cpuMs: 0 };
  for (let number = 0; total.lines < lines; number += 1) {
    const count = Math.min(batch, lines - total.lines);
    const part = await ingestOne(bench, ingest, { first: total.lines, count, number });
    total = {
      lines: total.lines + count,
      rawBytes: total.rawBytes + part.rawBytes,
      wallMs: total.wallMs + part.wallMs,
      cpuMs: total.cpuMs + part.cpuMs,
    };
  }
  return total;
}

/** One instance writes its lines and ends; then the time is taken until all of them are on disk. */
async function ingestOne(
  { logs, runtime }: Bench,
  ingest: LogIngest,
  { first, count, number }: { first: number; count: number; number: number },
): Promise<Ingested> {
  const identity = identityOf(number);
  const name = instanceName(identity);
  const command = [process.execPath, join(import.meta.dirname, "writer.ts"), String(first), String(count)];
  await runtime.start({
    name,
    identity,
    artifact: "bench",
    command,
    env: {},
    port: null,
    neighbours: [],
    volumes: [],
    tcpPorts: [],
    ...unconfined,
  });
  await until(async () => (await runtime.observe(key)).instances.every((one) => one.exit !== null), "all is written");
  const world = await runtime.observe(key);
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  ingest.watch({ key, ...world });
  await finished(ingest, name);
  const rawBytes = await logs.position({ name, stream: "stdout" });
  const wallMs = performance.now() - wall;
  const used = process.cpuUsage(cpu);
  await runtime.remove(name);
  await ingest.forget(name);
  return { lines: count, rawBytes, wallMs, cpuMs: (used.user + used.system) / 1_000 };
}

/** What is not stored in time is asked for again, as the loop does. */
async function finished(ingest: LogIngest, name: string): Promise<void> {
  for (;;) {
    try {
      return await ingest.finish(name);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
    }
  }
}

function identityOf(number: number): InstanceIdentity {
  const service = services[number % services.length] ?? "web";
  return { kind: "service", key, service, release: 1, deployment: "dep_bench", ordinal: number, attempt: 0 };
}

/** Times the reading of the last 200 lines of one service, each in turn. */
async function timeTails(logs: LogStore): Promise<readonly number[]> {
  const seen: number[] = [];
  for (let i = 0; i < tails; i += 1) {
    const began = performance.now();
    const found = (await logs.tail({ key, services: [services[i % services.length] ?? "web"] }, 200)).lines;
    seen.push(performance.now() - began);
    if (found.length === 0) throw new Fault("operation.failed", "the store has no lines of a service");
  }
  return seen;
}

/** Reads everything: lines are numbered from 0 and were written one instance after the other. */
async function checkAll(logs: LogStore, lines: number): Promise<void> {
  let [expected, after] = [0, 0];
  while (expected < lines) {
    const page = await logs.read({ key }, { after, limit: pageLines });
    for (const { message } of page.lines) {
      if (!message.endsWith(` n=${expected}`) && !message.includes(`"n":${expected},`)) {
        throw new Fault("operation.failed", `line ${expected} is lost or out of its place`);
      }
      expected += 1;
    }
    if (page.lines.length === 0) throw new Fault("operation.failed", `lines from ${expected} on are lost`);
    after = page.next;
  }
}

/** The database with its write-ahead log folded in. */
function diskBytes(file: string): number {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  return statSync(file).size;
}

function rowsOf(total: Ingested, store: { tailMs: readonly number[]; diskBytes: number }): readonly Row[] {
  const perSecond = (total.lines * 1_000) / total.wallMs;
  const perCpuSecond = (total.lines * 1_000) / total.cpuMs;
  const ratio = store.diskBytes / total.rawBytes;
  const [p50, p95] = [median(store.tailMs), quantile(store.tailMs, 0.95)];
  const [first] = store.tailMs;
  return [
    row({
      what: `logs: ${show(total.lines)} lines of ${show(total.rawBytes / total.lines)} bytes from output files into the store`,
      measured: `${show(perSecond)} lines/s (${show(perCpuSecond)} per CPU second), every line read back in its place`,
      budget: "≥ 400,000 lines/s, none lost",
      within: perSecond >= 400_000,
      figures: { ...total, perSecond, perCpuSecond },
    }),
    row({
      what: "logs: size on disk against what was written",
      measured: `${show(ratio)} ×`,
      budget: "≤ 0.6 ×",
      within: ratio <= 0.6,
      figures: { ratio },
    }),
    row({
      what: `logs: last 200 lines of a service among ${show(total.lines)}`,
      measured: `${show(p50)} ms p50, ${show(p95)} ms p95, ${show(first ?? Number.NaN)} ms the first`,
      budget: "≤ 5 ms",
      within: p50 <= 5,
      figures: { p50Ms: p50, p95Ms: p95, firstMs: first ?? Number.NaN },
    }),
  ];
}
