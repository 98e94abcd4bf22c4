import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startChild } from "../../../host/child.ts";
import { defaultUids } from "../../../host/users.ts";
import { noFrontProxies } from "../../../model/route.ts";
import { wallClock } from "../../../testing/clock.ts";
import { ask, dial, oneRoute, sayingApp, textUntil } from "../../../testing/conformance/edge-rig.ts";
import { ownPort } from "../../../testing/ports.ts";
import { embeddedEdge } from "../embedded/embedded-edge.ts";
import { stopEdge } from "../embedded/stop.ts";
import { entry } from "../embedded/test-edge.ts";
import { askWorkers } from "./cli.ts";
import { haproxyFiles } from "./files.ts";
import { haproxyEdge } from "./haproxy-edge.ts";
import { stopHaproxy } from "./stop.ts";
import { run } from "./test-edge.ts";

const user = { uid: defaultUids.to - 3, gid: defaultUids.to - 3 };
const neighbour = { uid: defaultUids.to - 2, gid: defaultUids.to - 2 };

async function closedDirectory() {
  const closed = await mkdtemp(join(tmpdir(), "fl-hx-user-"));
  const directory = join(closed, "edge");
  const listen = { host: "127.0.0.1", port: await ownPort() };
  const at = { directory, listen, secure: null, proxies: noFrontProxies, clock: wallClock };
  return {
    directory,
    url: `http://${listen.host}:${listen.port}`,
    start: (as: typeof user) => haproxyEdge({ ...at, run, user: as }),
    startEmbedded: () => embeddedEdge({ ...at, entry: [...entry], env: {}, user }),
    async [Symbol.asyncDispose]() {
      await stopHaproxy(directory);
      await rm(closed, { recursive: true, force: true });
    },
  };
}

const workers = async (directory: string) => await askWorkers(haproxyFiles(directory).master);

async function rightsOf(pid: number) {
  const text = await readFile(`/proc/${pid}/status`, "utf8");
  const value = (name: string) => new RegExp(`^${name}:\t(.*)$`, "m").exec(text)?.[1];
  return [value("Uid"), value("Gid"), value("Groups")?.trim(), value("CapEff"), value("CapPrm"), value("NoNewPrivs")];
}

const nothing = "0000000000000000";
const bare = ({ uid, gid }: typeof user) => {
  return [Array(4).fill(uid).join("\t"), Array(4).fill(gid).join("\t"), "", nothing, nothing, "1"];
};

describe.runIf(process.getuid?.() === 0)("as a user of its own", () => {
  test("its worker has no right beyond that user, its files are root's alone, and neighbours can neither stop nor read it", async () => {
    await using under = await closedDirectory();
    const edge = under.start(user);
    await edge.ensure();
    const pid = (await workers(under.directory))?.current ?? 0;
    expect(await rightsOf(pid)).toEqual(bare(user));
    const { uid, mode } = await stat(under.directory);
    expect([uid, mode & 0o777]).toEqual([0, 0o700]);
    for (const attempt of [
      ["kill", "-STOP", pid],
      ["cat", `/proc/${pid}/environ`],
      ["ls", `/proc/${pid}/fd`],
    ]) {
      const [program = "", ...args] = attempt.map(String);
      const child = startChild([`/bin/${program}`, ...args], { env: {}, ...neighbour });
      const code = await new Promise((resolve) => child.once("exit", resolve));
      expect([attempt, code]).not.toEqual([attempt, 0]);
    }
    expect((await edge.observe("own/x")).up).toBe(true);
    await edge.close();
  });

  test("one that runs as another user is exchanged by a reload, which closes no connection", async () => {
    await using under = await closedDirectory();
    const before = under.start(neighbour);
    await before.ensure();
    await using app = await sayingApp("served");
    await before.apply(oneRoute("own/x", { hosts: ["own.test"], upstreams: [app.upstream("own-1")] }));
    const kept = await dial(under.url);
    kept.write("GET / HTTP/1.1\r\nHost: own.test\r\n\r\n");
    await textUntil(kept, /served$/);
    await before.close();
    const edge = under.start(user);
    await edge.ensure();
    const now = await workers(under.directory);
    expect(await rightsOf(now?.current ?? 0)).toEqual(bare(user));
    expect((await ask(under.url, { host: "own.test" })).text).toBe("served");
    kept.write("GET / HTTP/1.1\r\nHost: own.test\r\nConnection: close\r\n\r\n");
    await textUntil(kept, /served$/);
    await edge.close();
  });

  test("a directory that was the embedded edge's is taken back: what its user left there is not read by root's master", async () => {
    await using under = await closedDirectory();
    const before = under.startEmbedded();
    await before.ensure();
    await using app = await sayingApp("served");
    await before.apply(oneRoute("own/x", { hosts: ["own.test"], upstreams: [app.upstream("own-1")] }));
    await before.close();
    await expect(under.start(user).ensure()).rejects.toMatchObject({ code: "listen.in-use" });
    expect((await ask(under.url, { host: "own.test" })).text).toBe("served");
    await stopEdge(under.directory);
    const edge = under.start(user);
    await edge.ensure();
    expect((await stat(under.directory)).uid).toBe(0);
    await edge.apply(oneRoute("own/x", { hosts: ["own.test"], upstreams: [app.upstream("own-1")] }));
    expect((await ask(under.url, { host: "own.test" })).text).toBe("served");
    await edge.close();
  });
});
