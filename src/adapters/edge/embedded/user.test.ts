import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isAlive, startTimeOf, userOf } from "../../../host/alive.ts";
import { startChild } from "../../../host/child.ts";
import { defaultUids, usersOf } from "../../../host/users.ts";
import { wallClock } from "../../../testing/clock.ts";
import { ask, oneRoute, sayingApp } from "../../../testing/conformance/edge-rig.ts";
import { testAuthority } from "../../../testing/pki.ts";
import { ownPort } from "../../../testing/ports.ts";
import { embeddedEdge } from "./embedded-edge.ts";
import { readEmbeddedNote } from "./files.ts";
import { stopEdge } from "./stop.ts";
import { entry } from "./test-edge.ts";

/** An edge in a directory to which only root has a way. */
async function closedEdge() {
  const closed = await mkdtemp(join(tmpdir(), "fl-edge-user-"));
  const directory = join(closed, "edge");
  const listen = { host: "127.0.0.1", port: await ownPort() };
  const secure = { host: "127.0.0.1", port: await ownPort() };
  const start = (as: typeof user | null) =>
    embeddedEdge({ directory, listen, secure, entry: [...entry], env: {}, user: as, clock: wallClock });
  return {
    directory,
    start,
    url: `http://${listen.host}:${listen.port}`,
    async [Symbol.asyncDispose]() {
      await stopEdge(directory);
      await rm(closed, { recursive: true, force: true });
    },
  };
}

async function statusOf(pid: number): Promise<Record<string, string>> {
  const text = await readFile(`/proc/${pid}/status`, "utf8");
  return Object.fromEntries(text.split("\n").map((line) => line.split(":\t")));
}

const user = { uid: defaultUids.to - 1, gid: defaultUids.to - 1 };
const neighbour = { uid: defaultUids.to, gid: defaultUids.to };

describe.runIf(process.getuid?.() === 0)("as a user of its own", () => {
  test("it has no right beyond that user, which owns its files alone; neighbours can neither stop nor read it", async () => {
    expect(usersOf(defaultUids).edge.uid).not.toBe(0);
    await using under = await closedEdge();
    const edge = under.start(user);
    await edge.ensure();
    const authority = await testAuthority();
    await edge.applyCertificates([await authority.certificate(["tls.test"])]);
    await using app = await sayingApp("served");
    await edge.apply(oneRoute("own/x", { hosts: ["own.test"], upstreams: [app.upstream("own-1")] }));
    expect((await ask(under.url, { host: "own.test" })).text).toBe("served");

    const { pid = 0 } = (await readEmbeddedNote(under.directory)) ?? {};
    const nothing = "0000000000000000";
    expect(await statusOf(pid)).toMatchObject({
      Uid: Array(4).fill(user.uid).join("\t"),
      Gid: Array(4).fill(user.gid).join("\t"),
      NoNewPrivs: "1",
      ...Object.fromEntries(["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map((set) => [set, nothing])),
    });
    expect(await readFile(`/proc/${pid}/oom_score_adj`, "utf8")).toMatch(/^(-500|0)\n$/);
    for (const name of await readdir(under.directory)) {
      const { uid, mode } = await stat(join(under.directory, name));
      expect([name, uid, mode & 0o077]).toEqual([name, name === "edge.log" ? 0 : user.uid, 0]);
    }
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

  test("what another owner left is taken over with tables and certificates, and nothing in it is followed; also back again", async () => {
    await using under = await closedEdge();
    const before = under.start(null);
    await before.ensure();
    await using app = await sayingApp("served");
    await before.apply(oneRoute("own/x", { hosts: ["own.test"], upstreams: [app.upstream("own-1")] }));
    await before.close();
    for (const next of [user, neighbour, null]) {
      await stopEdge(under.directory);
      await symlink("/etc/passwd", join(under.directory, "tables", "evil%2Fx.json"));
      await mkdir(join(under.directory, "haproxy.cfg"));
      await writeFile(join(under.directory, "layout.json"), "{}");
      const edge = under.start(next);
      await edge.ensure();
      expect((await ask(under.url, { host: "own.test" })).text).toBe("served");
      const found = await readdir(under.directory);
      expect(found.filter((name) => /haproxy|layout/.test(name))).toEqual([]);
      expect(await readdir(join(under.directory, "tables"))).toEqual(["own%2Fx.json"]);
      expect(await readdir(join(under.directory, ".."))).toEqual(["edge"]);
      const { pid = 0 } = (await readEmbeddedNote(under.directory)) ?? {};
      expect(userOf(pid)).toBe(next?.uid ?? 0);
      await edge.close();
    }
  });

  test("a note of its user leads to no process of anybody else, and a link in place of its log is not written through", async () => {
    await using under = await closedEdge();
    const edge = under.start(user);
    await edge.ensure();
    await edge.close();
    await stopEdge(under.directory);
    const victim = startChild(["/bin/sleep", "60"], { env: {} });
    const startTime = startTimeOf(victim.pid ?? 0);
    const note = join(under.directory, "edge.json");
    await writeFile(note, JSON.stringify({ pid: victim.pid, startTime, host: "127.0.0.1", port: 1 }));
    const log = join(under.directory, "edge.log");
    const precious = join(under.directory, "..", "precious");
    await writeFile(precious, "precious");
    await rm(log);
    await symlink(precious, log);
    await stopEdge(under.directory);
    expect(isAlive({ pid: victim.pid ?? 0, startTime })).toBe(true);
    victim.kill("SIGKILL");
    await under.start(user).ensure();
    expect(await readFile(precious, "utf8")).toBe("precious");
  });
});
