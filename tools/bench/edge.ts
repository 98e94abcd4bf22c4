import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { embeddedEdge } from "../../src/adapters/edge/embedded/embedded-edge.ts";
import { Fault } from "../../src/base/faults.ts";
import { runChild } from "../../src/host/child.ts";
import { systemClock } from "../../src/main/clock.ts";
import { leanMemory, leanNode } from "../../src/main/lean.ts";
import { plainRules } from "../../src/model/release.ts";
import { routeTable } from "../../src/model/route.ts";
import type { Installation } from "./installation.ts";
import { cpuMs, memoryOf } from "./proc.ts";
import { answers, find, freePort, type Program, plainEnvironment, startProgram, until } from "./programs.ts";
import { median, type Row, row, show } from "./row.ts";

const host = "web.bench.localhost";
const roundSeconds = 4;
const warmSeconds = 2;
const rounds = 5;
const clients = 32;

interface Proxy {
  readonly name: string;
  readonly port: number;
  readonly program: Program;
}

interface Round {
  readonly cpuUs: number;
  readonly perSecond: number;
}

/**
 * CPU per small keep-alive request of the embedded edge as it is installed, of a bare `node:http` proxy and of HAProxy,
 * in turn and round after round, so that what else the machine does falls on all alike.
 */
export async function benchEdge(installation: Installation): Promise<readonly Row[]> {
  const home = mkdtempSync(join(tmpdir(), "fl-bench-edge-"));
  const originPort = await freePort();
  const origin = await startScript("origin.ts", originPort);
  const proxies: Proxy[] = [];
  try {
    proxies.push(await startEmbedded(home, installation, originPort), await startBare(originPort));
    const haproxy = await startHaproxy(home, originPort);
    if (haproxy !== null) proxies.push(haproxy);
    return rowsOf(proxies, await measure(proxies));
  } finally {
    for (const { program } of proxies) await program.stop();
    await origin.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function measure(proxies: readonly Proxy[]): Promise<ReadonlyMap<string, Round>> {
  for (const proxy of proxies) await load(proxy.port, warmSeconds);
  const seen = new Map(proxies.map(({ name }) => [name, [] as Round[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, port, program } of proxies) {
      const before = cpuMs(program.pid);
      const { requests, perSecond } = await load(port, roundSeconds);
      seen.get(name)?.push({ cpuUs: ((cpuMs(program.pid) - before) * 1_000) / requests, perSecond });
    }
  }
  return new Map(
    [...seen].map(([name, all]) => {
      const cpuUs = median(all.map((one) => one.cpuUs));
      return [name, { cpuUs, perSecond: median(all.map((one) => one.perSecond)) }];
    }),
  );
}

function rowsOf(proxies: readonly Proxy[], seen: ReadonlyMap<string, Round>): readonly Row[] {
  const none: Round = { cpuUs: Number.NaN, perSecond: Number.NaN };
  const [own, bare, haproxy] = ["embedded", "bare", "haproxy"].map((name) => seen.get(name) ?? none);
  if (own === undefined || bare === undefined || haproxy === undefined) return [];
  const peak = memoryOf(proxies[0]?.program.pid ?? 0).peakMb;
  const versus = (other: Round) =>
    `${show(own.cpuUs / other.cpuUs)} × CPU, ${show(own.perSecond / other.perSecond)} × rate`;
  const second = seen.has("haproxy") ? `; HAProxy ${show(haproxy.cpuUs)} µs (${versus(haproxy)})` : "; no HAProxy here";
  const words = `${show(own.cpuUs)} µs, ${show(own.perSecond)} requests/s; bare node:http proxy ${show(bare.cpuUs)} µs (${versus(bare)})`;
  return [
    row({
      what: `embedded edge: CPU per small keep-alive request, ${clients} connections, median of ${rounds} rounds`,
      measured: words + second,
      budget: "≤ 45 µs",
      within: own.cpuUs <= 45,
      figures: {
        embeddedUs: own.cpuUs,
        embeddedPerSecond: own.perSecond,
        bareUs: bare.cpuUs,
        barePerSecond: bare.perSecond,
        haproxyUs: haproxy.cpuUs,
        haproxyPerSecond: haproxy.perSecond,
        load: find("wrk") === null ? "autocannon" : "wrk",
      },
    }),
    row({
      what: "embedded edge: most memory under that load",
      measured: `${show(peak)} MB`,
      budget: "≤ 100 MB",
      within: peak <= 100,
      figures: { peakMb: peak },
    }),
  ];
}

async function startEmbedded(home: string, installation: Installation, upstream: number): Promise<Proxy> {
  const directory = join(home, "edge");
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const listen = { host: "127.0.0.1", port };
  const command = [
    process.execPath,
    ...leanNode,
    installation.edge,
    "--directory",
    directory,
    "--host",
    listen.host,
  ] as const;
  const program = await startProgram([...command, "--port", String(port)], port, leanMemory);
  const edge = embeddedEdge({
    directory,
    listen,
    secure: null,
    entry: command,
    env: plainEnvironment,
    clock: systemClock,
  });
  await until(async () => (await edge.observe("bench/production")).up, "the edge's admin socket answers");
  const upstreams = [{ id: "web-1", release: 1, host: "127.0.0.1", port: upstream, weight: 1 }];
  const route = { service: "web", hosts: [host], upstreams, holdMs: null, inside: null, maintenance: null };
  await edge.apply(routeTable("bench/production", [{ ...plainRules, ...route }]));
  await edge.close();
  return { name: "embedded", port, program };
}

async function startBare(upstream: number): Promise<Proxy> {
  const port = await freePort();
  return { name: "bare", port, program: await startScript("bare-proxy.ts", port, upstream) };
}

async function startHaproxy(home: string, upstream: number): Promise<Proxy | null> {
  const haproxy = find("haproxy");
  if (haproxy === null) return null;
  const port = await freePort();
  const file = join(home, "haproxy.cfg");
  const config = [
    "global\n  nbthread 1\n  maxconn 4096",
    "defaults\n  mode http\n  option http-no-delay\n  option forwardfor\n  http-reuse always",
    "  timeout connect 2s\n  timeout client 60s\n  timeout server 60s",
    `frontend in\n  bind 127.0.0.1:${port}\n  unique-id-format %[uuid]\n  unique-id-header x-request-id`,
    `  use_backend app if { req.hdr(host) -m beg ${host} }`,
    `backend app\n  server web-1 127.0.0.1:${upstream}\n`,
  ];
  writeFileSync(file, config.join("\n"));
  return { name: "haproxy", port, program: await startProgram([haproxy, "-db", "-f", file], port) };
}

function startScript(name: string, port: number, ...more: readonly number[]): Promise<Program> {
  return startProgram([process.execPath, join(import.meta.dirname, name), ...[port, ...more].map(String)], port);
}

interface Load {
  readonly requests: number;
  readonly perSecond: number;
}

/** Loads a port with as many requests as it answers. */
async function load(port: number, seconds: number): Promise<Load> {
  if (!(await answers(port))) throw new Fault("operation.failed", `nobody listens on port ${port}`);
  const url = `http://127.0.0.1:${port}/`;
  const wrk = find("wrk");
  if (wrk === null) return loadByAutocannon(url, seconds);
  const options = ["-t", "1", "-c", String(clients), "-d", `${seconds}s`, "-H", `Host: ${host}`];
  const { stdout } = await runChild([wrk, ...options, url], { env: plainEnvironment });
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0);
  if (requests === 0 || /Non-2xx|Socket errors/.test(stdout)) {
    throw new Fault("operation.failed", `the load on port ${port} met failures: ${stdout}`);
  }
  return { requests, perSecond };
}

async function loadByAutocannon(url: string, seconds: number): Promise<Load> {
  const program = join(import.meta.dirname, "../../node_modules/autocannon/autocannon.js");
  const options = ["--json", "-c", String(clients), "-d", String(seconds), "-H", `Host: ${host}`];
  const { stdout } = await runChild([process.execPath, program, ...options, url], { env: plainEnvironment });
  const { requests, non2xx, errors } = JSON.parse(stdout) as Cannon;
  if (non2xx + errors > 0) throw new Fault("operation.failed", `the load on ${url} met failures`);
  return { requests: requests.total, perSecond: requests.average };
}

interface Cannon {
  readonly requests: { readonly total: number; readonly average: number };
  readonly non2xx: number;
  readonly errors: number;
}
