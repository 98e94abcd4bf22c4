import { setTimeout as pause } from "node:timers/promises";
import { Fault } from "../../src/base/faults.ts";
import { startLoad } from "../../test/stories/load/load.ts";
import { clients, host } from "./load.ts";
import { find } from "./programs.ts";
import { type LoadedProxy, startHaproxy, startHaproxyDuties, startHaproxyEdge, startNginx } from "./proxies.ts";
import { median, notRun, type Row, row, show } from "./row.ts";
import { measure, noRound, type Round, rounds, withProxies } from "./side-by-side.ts";

const what = "HAProxy as the edge against hand-written HAProxy and nginx";
/** Well below what the slowest of them takes, so that waiting is measured and not rushing. */
const steadyPerSecond = 2_000;
const steadyMs = 4_000;
const least = 0.95;

interface Measured extends Round {
  readonly p99Ms: number;
}

/**
 * The configuration that Fairlead gives HAProxy beside one of a few lines, one by hand with the same duties, and nginx: one thread each, in turn and round
 * after round. Small requests at saturation, and the slowest of a hundred at a steady rate. A failed request is a fault.
 */
export async function benchHaproxy(): Promise<readonly Row[]> {
  if (find("haproxy") === null) return [notRun(what, "–", "HAProxy is not installed")];
  return withProxies([startHaproxyEdge, startHaproxy, startHaproxyDuties, startNginx], async (proxies) => {
    const seen = await measure(proxies);
    const tails = await steady(proxies);
    const of = (name: string): Measured => ({ ...(seen.get(name) ?? noRound), p99Ms: tails.get(name) ?? Number.NaN });
    return rowsOf(of("edge"), { hand: of("haproxy"), duties: of("duties"), nginx: of("nginx") });
  });
}

/** The 99th percentile at the steady rate, by name. */
async function steady(proxies: readonly LoadedProxy[]): Promise<ReadonlyMap<string, number>> {
  const tails = new Map(proxies.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, port } of proxies) {
      const none = { streams: 0, sockets: 0, uploads: 0 };
      const url = `http://127.0.0.1:${port}`;
      const load = startLoad({ url, host, connections: clients, ratePerSecond: steadyPerSecond, ...none });
      await pause(steadyMs);
      const { p99, failed } = await load.stop();
      if (failed > 0) throw new Fault("operation.failed", `${failed} requests to ${name} failed`);
      tails.get(name)?.push(p99);
    }
  }
  return new Map([...tails].map(([name, all]) => [name, median(all)]));
}

interface Beside {
  readonly hand: Measured;
  readonly duties: Measured;
  readonly nginx: Measured;
}

function rowsOf(own: Measured, { hand, duties, nginx }: Beside): readonly Row[] {
  const beside = (words: (one: Measured) => string) =>
    `hand-written HAProxy ${words(hand)}, with the same features ${words(duties)}; ${find("nginx") === null ? "nginx is not installed" : `hand-written nginx ${words(nginx)}`}`;
  const rate = (one: Measured) =>
    `${show(one.perSecond)} (${show(own.perSecond / one.perSecond)} ×), ${show(one.cpuUs)} µs`;
  const tail = (one: Measured) => `${show(one.p99Ms)} ms (${show(own.p99Ms / one.p99Ms)} ×)`;
  const requests = own.requests + hand.requests + duties.requests + nginx.requests;
  return [
    row({
      what: `HAProxy as the edge: small keep-alive requests/s at saturation and CPU for each, ${clients} connections, one thread, median of ${rounds} rounds`,
      measured: `${show(own.perSecond)}, ${show(own.cpuUs)} µs; ${beside(rate)}; 0 failed of ${show(requests)}`,
      budget: `≥ ${least} × hand-written HAProxy`,
      within: own.perSecond >= least * hand.perSecond,
      figures: {
        edgePerSecond: own.perSecond,
        handPerSecond: hand.perSecond,
        dutiesPerSecond: duties.perSecond,
        nginxPerSecond: nginx.perSecond,
        edgeUs: own.cpuUs,
        handUs: hand.cpuUs,
        dutiesUs: duties.cpuUs,
        nginxUs: nginx.cpuUs,
      },
    }),
    row({
      what: `HAProxy as the edge: p99 at ${show(steadyPerSecond)} requests/s, median of ${rounds} rounds`,
      measured: `${show(own.p99Ms)} ms; ${beside(tail)}; 0 failed`,
      budget: "≤ 1 ms more than hand-written HAProxy",
      within: own.p99Ms <= hand.p99Ms + 1,
      figures: { edgeMs: own.p99Ms, handMs: hand.p99Ms, dutiesMs: duties.p99Ms, nginxMs: nginx.p99Ms },
    }),
  ];
}
