import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "./load.ts";
import { cpuMs } from "./proc.ts";
import { freePort } from "./programs.ts";
import { type LoadedProxy, startScript } from "./proxies.ts";
import { median } from "./row.ts";

export const rounds = 5;
const roundSeconds = 4;
const warmSeconds = 2;

export interface Round {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly requests: number;
}

/** Of a proxy that is not here. */
export const noRound: Round = { cpuUs: Number.NaN, perSecond: Number.NaN, requests: 0 };

/**
 * Proxies in front of one origin, for as long as they are measured. Those that are not installed (null) are omitted.
 */
export async function withProxies<T>(
  starts: readonly ((home: string, upstream: number) => Promise<LoadedProxy | null>)[],
  use: (proxies: readonly LoadedProxy[]) => Promise<T>,
): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), "fl-bench-edge-"));
  const originPort = await freePort();
  const origin = await startScript("origin.ts", originPort);
  const proxies: LoadedProxy[] = [];
  try {
    for (const start of starts) {
      const proxy = await start(home, originPort);
      if (proxy !== null) proxies.push(proxy);
    }
    return await use(proxies);
  } finally {
    for (const { program } of proxies) await program.stop();
    await origin.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** CPU and rate of proxies under as much load as they take, in turn and round after round: medians, by name. A failed request is a fault. */
export async function measure(proxies: readonly LoadedProxy[]): Promise<ReadonlyMap<string, Round>> {
  for (const proxy of proxies) await load(proxy.port, warmSeconds);
  const seen = new Map(proxies.map(({ name }) => [name, [] as Round[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, port, program } of proxies) {
      const before = cpuMs(program.pid);
      const { requests, perSecond } = await load(port, roundSeconds);
      const cpuUs = ((cpuMs(program.pid) - before) * 1_000) / requests;
      seen.get(name)?.push({ cpuUs, perSecond, requests });
    }
  }
  return new Map(
    [...seen].map(([name, all]) => {
      const cpuUs = median(all.map((one) => one.cpuUs));
      const requests = all.reduce((sum, one) => sum + one.requests, 0);
      return [name, { cpuUs, perSecond: median(all.map((one) => one.perSecond)), requests }];
    }),
  );
}
