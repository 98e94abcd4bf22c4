import type { Installation } from "./installation.ts";
import { clients } from "./load.ts";
import { memoryOf } from "./proc.ts";
import { find } from "./programs.ts";
import { type LoadedProxy, startBare, startEmbedded, startHaproxy } from "./proxies.ts";
import { type Row, row, show } from "./row.ts";
import { measure, noRound, type Round, rounds, withProxies } from "./side-by-side.ts";

/**
 * CPU per small keep-alive request of the embedded edge as it is installed, of a bare `node:http` proxy and of HAProxy,
 * in turn and round after round, so that what else the machine does falls on all alike.
 */
export function benchEdge(installation: Installation): Promise<readonly Row[]> {
  const starts = [
    (home: string, upstream: number) => startEmbedded(home, installation, upstream),
    startBare,
    startHaproxy,
  ];
  return withProxies(starts, async (proxies) => rowsOf(proxies, await measure(proxies)));
}

function rowsOf(proxies: readonly LoadedProxy[], seen: ReadonlyMap<string, Round>): readonly Row[] {
  const [own, bare, haproxy] = ["embedded", "bare", "haproxy"].map((name) => seen.get(name) ?? noRound);
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
