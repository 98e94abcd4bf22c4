import { expect, test } from "vitest";
import { userOf } from "../../src/host/alive.ts";
import { defaultUids } from "../../src/host/users.ts";
import { testImages } from "../../src/testing/engine.ts";
import { City, until } from "./city.ts";
import { startLoad } from "./load/load.ts";
import { edgeOf, killAll, quick } from "./scene.ts";
import { platform } from "./testbed.ts";

/** So long under load users see no failure any more once another edge answers; it took half a second where that was measured. */
const staysMs = 3_000;

/** The platform's own edge, and on containers HAProxy in one too. */
const fronts: readonly (readonly [string, readonly string[]])[] = [
  ["the edge", []],
  ...(platform === "docker"
    ? [["HAProxy in a container", ["--proxy", "container", "--proxy-image", testImages.haproxy]] as const]
    : []),
];

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
    const asWhom = async (pids: readonly number[]) => [...new Set(await Promise.all(pids.map(userOf)))].sort();
    // Root's is the range's first user, and its successor too; only a master stays who started it.
    const whom = await asWhom(before);
    if (process.getuid?.() === 0) expect(whom).toContain(defaultUids.from);

    const killedAt = Date.now();
    killAll(before);
    await until(async () => {
      const now = await edgeOf(city);
      return now.length > 0 && now.every((pid) => !before.includes(pid)) && (await answers().catch(() => false));
    }, "another edge answers");
    const backAt = Date.now();
    while (Date.now() < backAt + staysMs) expect(await city.get("/")).toMatchObject({ status: 200 });
    const report = await load.stop();
    expect(await asWhom(await edgeOf(city))).toEqual(whom);

    const late = report.failures.filter(({ at }) => at > backAt);
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
