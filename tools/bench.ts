import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Fault } from "../src/base/faults.ts";
import { benchContainers } from "./bench/containers.ts";
import { benchDeploys } from "./bench/deploys.ts";
import { benchEdge } from "./bench/edge.ts";
import { benchFailures } from "./bench/failures.ts";
import { benchHaproxy } from "./bench/haproxy.ts";
import { benchHelp } from "./bench/help.ts";
import { benchIdle } from "./bench/idle.ts";
import { type Installation, install } from "./bench/installation.ts";
import { benchLogs } from "./bench/logs.ts";
import { benchMany } from "./bench/many.ts";
import { machine } from "./bench/proc.ts";
import { benchRollbacks } from "./bench/rollbacks.ts";
import { notRun, type Row, rowText } from "./bench/row.ts";
import { endSites } from "./bench/site.ts";

interface Sizes {
  readonly deploys: number;
  readonly lines: number;
}

type Part = (installation: Installation, sizes: Sizes) => Promise<readonly Row[]>;

const parts: Readonly<Record<string, Part>> = {
  edge: benchEdge,
  haproxy: benchHaproxy,
  help: benchHelp,
  deploys: (installation) => benchDeploys(installation),
  rollbacks: benchRollbacks,
  idle: benchIdle,
  logs: (_installation, { lines }) => benchLogs(lines),
  many: benchMany,
  failures: (installation, { deploys }) => benchFailures(installation, { deploys }),
  containers: (installation, { deploys }) => benchContainers(installation, deploys),
};

/**
 * `npm run bench -- [--only PART,…] [--json FILE] [--lines N] [--deploys N]`: measures what docs/performance.md
 * publishes, on the release build and as ratios in one run. Exit code 1 when a budget is broken.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: Object.keys(parts).join(",") },
      json: { type: "string" },
      lines: { type: "string", default: "1000000" },
      deploys: { type: "string", default: "10" },
    },
  });
  const here = machine();
  say(
    `${here.cpu}, ${here.cores} cores, ${here.memoryGb} GB, Linux ${here.kernel}, Node ${here.node}, load ${here.load}\n`,
  );
  const directory = mkdtempSync(join(tmpdir(), "fl-bench-release-"));
  const rows: Row[] = [];
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted(directory));
  try {
    const installation = await install(directory);
    for (const name of values.only.split(",")) {
      const found = await run(name, installation, { deploys: Number(values.deploys), lines: Number(values.lines) });
      for (const one of found) say(rowText(one));
      rows.push(...found);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const loadAtEnd = machine().load;
  if (values.json)
    writeFileSync(values.json, `${JSON.stringify({ machine: { ...here, loadAtEnd }, rows }, null, 2)}\n`);
  return rows.some(({ verdict }) => verdict === "over") ? 1 : 0;
}

function interrupted(directory: string): never {
  endSites();
  rmSync(directory, { recursive: true, force: true });
  process.exit(130);
}

/** A part that fails says why and does not keep the others from being measured. */
async function run(name: string, installation: Installation, sizes: Sizes): Promise<readonly Row[]> {
  const part = parts[name];
  if (part === undefined) {
    throw new Fault("usage.invalid", `--only knows ${Object.keys(parts).join(", ")}; not ${JSON.stringify(name)}`);
  }
  try {
    return await part(installation, sizes);
  } catch (thrown) {
    if (thrown instanceof Fault) return [notRun(name, "–", thrown.detail)];
    throw thrown;
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exitCode = await main();
