import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { isErrno } from "../../src/base/faults.ts";
import { testImages } from "../../src/testing/engine.ts";
import { City, until } from "./city.ts";
import { platform } from "./ground.ts";
import { startLoad } from "./load/load.ts";
import { quick } from "./scene.ts";

/** Longest time in which users may see failures after every process of the edge was killed; half a second was measured. */
const backWithinMs = 3_000;

/** The platform's own edge, and on containers HAProxy in one too. */
const fronts: readonly (readonly [string, readonly string[]])[] = [
  ["the edge", []],
  ...(platform === "docker"
    ? [["HAProxy in a container", ["--proxy", "container", "--proxy-image", testImages.haproxy]] as const]
    : []),
];

/** The edge's processes: the embedded one, or HAProxy's master and worker in whatever they run. */
async function edgeOf(city: City): Promise<readonly number[]> {
  const lines = (await city.processes()).map(async (pid) => {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    return /\/edge\.[jt]s\0|^haproxy\0/.test(line) ? [pid] : [];
  });
  return (await Promise.all(lines)).flat();
}

/** Workers in a container are gone with their master. */
function killOne(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (!isErrno(thrown, "ESRCH")) throw thrown;
  }
}

test.each(fronts)(
  "%s, killed under load, is back with its routes at once, and what failed is counted",
  async (_, flags) => {
    await using city = await City.found("beacon", flags);
    await city.editManifest(quick);
    await city.startController();
    expect((await city.deploy()).deployment.status).toBe("live");
    const { url, host } = { url: city.edgeUrl, host: city.host() };
    const load = startLoad({ url, host, connections: 16, ratePerSecond: 400, streams: 2, sockets: 2, uploads: 0 });
    const answers = async () => (await city.get("/")).status === 200;
    await until(answers, "it serves under load");
    const before = await edgeOf(city);
    expect(before.length).toBeGreaterThan(0);

    const killedAt = Date.now();
    for (const pid of before) killOne(pid);
    await until(async () => {
      const now = await edgeOf(city);
      return now.length > 0 && now.every((pid) => !before.includes(pid)) && (await answers().catch(() => false));
    }, "another edge answers");
    // As long again under load as users were without an edge at most: what comes back stays.
    const end = Date.now() + backWithinMs;
    while (Date.now() < end) expect(await city.get("/")).toMatchObject({ status: 200 });
    const report = await load.stop();

    const late = report.failures.filter(({ at }) => at > killedAt + backWithinMs);
    const last = Math.max(...report.failures.map(({ at }) => at));
    console.log(
      `edge killed: ${report.failed} of ${report.requests} requests failed, the last after ${last - killedAt} ms`,
    );
    expect(report.failures.filter(({ at }) => at < killedAt)).toEqual([]);
    expect(late).toEqual([]);
    // Cut or refused, and never an answer of an edge that does not know its routes yet.
    expect(report.failures.filter(({ what }) => what.includes("→"))).toEqual([]);
    expect(report.failed).toBeGreaterThan(0);
    expect((await city.status()).state).toBe("serving");
  },
);
