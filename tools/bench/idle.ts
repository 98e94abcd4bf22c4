import { setTimeout as pause } from "node:timers/promises";
import type { Installation } from "./installation.ts";
import { cpuMs, memoryOf } from "./proc.ts";
import { type Row, row, show } from "./row.ts";
import { mustBeLive, Site } from "./site.ts";
import { serverSource } from "./trivial.ts";

const apps = 10;
const calmMs = 15_000;
const measuredMs = 20_000;

const worker = { run: "sleep 1000000", settle: "1s", stop: { within: "5s" } };
const http = { ready: { path: "/", within: "60s" }, alive: { path: "/" } };
/** A web service, asked as often as the defaults say, and what usually stands behind it. */
const services = {
  web: { run: "node server.cjs", http, stop: { drain: "1s", within: "5s" } },
  worker,
  mailer: worker,
  indexer: worker,
  clock: { ...worker, single: true },
};

/** What the controller costs when nothing is asked of it. */
export async function benchIdle(installation: Installation): Promise<readonly Row[]> {
  await using site = new Site(installation);
  await site.startController();
  for (let i = 0; i < apps; i += 1) {
    const manifest = { app: `idle-${i}`, services, deploy: { watch: { for: "0s" } } };
    const directory = site.writeApp(manifest, { "server.cjs": serverSource(`idle ${i}`) });
    mustBeLive(await site.deploy(directory, { app: manifest.app, environment: "production" }));
  }
  await pause(calmMs);
  const before = cpuMs(site.controllerPid);
  await pause(measuredMs);
  const share = (cpuMs(site.controllerPid) - before) / measuredMs;
  const { residentMb } = memoryOf(site.controllerPid);
  const edgeMb = memoryOf(site.edgePid()).residentMb;
  const where = `idle with ${apps} apps of 5 services`;
  return [
    row({
      what: `controller, ${where}: resident memory`,
      measured: `${show(residentMb)} MB (and its edge ${show(edgeMb)} MB)`,
      budget: "≤ 90 MB",
      within: residentMb <= 90,
      figures: { residentMb, edgeMb },
    }),
    row({
      what: `controller, ${where}: CPU over ${measuredMs / 1_000} s`,
      measured: `${show(share * 100)} % of one core`,
      budget: "< 0.5 %",
      within: share < 0.005,
      figures: { share },
    }),
  ];
}
