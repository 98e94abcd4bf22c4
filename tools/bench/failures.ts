import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Fault } from "../../src/base/faults.ts";
import { type Report, startLoad } from "../../test/stories/load/load.ts";
import type { Installation } from "./installation.ts";
import { type Row, row, show } from "./row.ts";
import { mustBeLive, Site } from "./site.ts";

const key = { app: "beacon", environment: "production" };
const perSecond = 3_000;

export interface FailureOptions {
  readonly deploys: number;
  /** In front of the row's name. */
  readonly label?: string;
  /** Of the controller; default: plain processes. */
  readonly flags?: readonly string[];
  /** Base images for the example's build. */
  readonly base?: Readonly<Record<string, string>>;
}

/**
 * The example app under load without a pause while it is deployed again and again, and in between rolled back, scaled,
 * restarted, and its controller killed in the middle of a deployment.
 */
export async function benchFailures(installation: Installation, options: FailureOptions): Promise<readonly Row[]> {
  const { deploys, label = "", flags, base } = options;
  await using site = new Site(installation, flags);
  const directory = copyBeacon(site, base);
  await site.startController();
  mustBeLive(await site.deploy(directory, key));
  const url = await site.edgeUrl();
  const clients = { connections: 64, ratePerSecond: perSecond, streams: 10, sockets: 10, uploads: 2 };
  const load = startLoad({ url, host: "web.beacon.localhost", ...clients });
  const began = performance.now();
  for (let i = 1; i <= deploys; i += 1) await disturb(site, directory, i);
  const seconds = (performance.now() - began) / 1_000;
  return [rowOf(await load.stop(), { deploys, seconds, label })];
}

function rowOf(report: Report, { deploys, seconds, label }: { deploys: number; seconds: number; label: string }): Row {
  const { requests, failed, failures, streams, sockets, p50, p99 } = report;
  const kinds = [...new Set(failures.map(({ what }) => what))].slice(0, 5).join("; ");
  const words = `${failed} failed of ${show(requests)} requests at ${show(requests / seconds)}/s, p50 ${show(p50)} ms, p99 ${show(p99)} ms`;
  return row({
    what: `${label}failed requests over ${deploys} deploys with rollbacks, scaling, restarts and killed controllers; 10 streams, 10 sockets, 2 uploads`,
    measured: kinds === "" ? words : `${words}: ${kinds}`,
    budget: "0",
    within: failed === 0,
    figures: {
      deploys,
      requests,
      failed,
      p50,
      p99,
      streamMessages: streams.messages,
      streamsBroken: streams.brokenEarly,
      socketMessages: sockets.messages,
      socketsBroken: sockets.brokenEarly,
    },
  });
}

async function disturb(site: Site, directory: string, i: number): Promise<void> {
  writeFileSync(join(directory, "VERSION"), `${i}\n`);
  const deploying = site.deploy(directory, key);
  if (i % 5 === 0) {
    await pause((i * 37) % 900);
    await dieAndReturn(site);
  }
  mustBeLive(await deploying);
  if (i % 5 === 1) mustBeLive(await site.begin(key, { kind: "rollback" }));
  if (i % 5 === 2) for (const replicas of [3, 2]) await scale(site, replicas);
  if (i % 5 === 3) mustBeLive(await site.begin(key, { kind: "restart" }));
}

async function dieAndReturn(site: Site): Promise<void> {
  await site.stopController("SIGKILL");
  await site.startController();
}

async function scale(site: Site, replicas: number): Promise<void> {
  const result = await site.fairlead("scale", `web=${replicas}`, "--app", key.app);
  if (result.code !== 0) throw new Fault("operation.failed", `scale failed: ${result.stderr}`);
}

/** The example with a short watch, so that most of the time something changes. */
function copyBeacon(site: Site, base: Readonly<Record<string, string>> = {}): string {
  const directory = join(site.home, "apps", "beacon");
  cpSync(join(import.meta.dirname, "../../examples/beacon"), directory, { recursive: true });
  const file = join(directory, "fairlead.yml");
  const text = readFileSync(file, "utf8").replace("watch: { for: 5s }", "watch: { for: 1s }");
  writeFileSync(file, `${text}build: ${JSON.stringify({ base })}\n`);
  return directory;
}
