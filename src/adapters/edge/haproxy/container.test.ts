import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ContainerEngine } from "../../../host/engine.ts";
import type { User } from "../../../host/users.ts";
import { type FrontProxies, noFrontProxies } from "../../../model/route.ts";
import { wallClock } from "../../../testing/clock.ts";
import { edgeConformance } from "../../../testing/conformance/edge.ts";
import { ask, oneRoute, sayingApp, seen } from "../../../testing/conformance/edge-rig.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { ownPort } from "../../../testing/ports.ts";
import { containerRunner, edgeContainerName, killContainer, stopContainer } from "./container.ts";
import { haproxyFiles } from "./files.ts";
import { haproxyEdge } from "./haproxy-edge.ts";
import { limitsOf } from "./limits.ts";
import { hastyClock } from "./test-edge.ts";

const socket = testEngine();

interface Found {
  readonly Id: string;
  readonly RestartCount: number;
  readonly HostConfig: object;
  readonly State: { readonly Pid: number };
}

/** A running edge in a container of its own, for tests. */
async function testContainer(engine: string, proxies: FrontProxies = noFrontProxies, user: User | null = null) {
  const directory = await mkdtemp(join(tmpdir(), "fl-hxc-"));
  const host = "127.0.0.1";
  const listen = { host, port: await ownPort() };
  const secure = { host, port: await ownPort() };
  const run = { engine, image: testImages.haproxy };
  const edge = haproxyEdge({ directory, listen, secure, proxies, run, clock: wallClock, ...(user && { user }) });
  const client = new ContainerEngine(engine);
  await edge.ensure();
  return {
    edge,
    directory,
    url: `http://${host}:${listen.port}`,
    crash: () => killContainer(engine, directory),
    container: () => client.json<Found>("GET", `/containers/${edgeContainerName(directory)}/json`),
    ended: () =>
      client.json<{ readonly StatusCode: number }>("POST", `/containers/${edgeContainerName(directory)}/wait`),
    async [Symbol.asyncDispose]() {
      await edge.close();
      client.close();
      await stopContainer(engine, directory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

if (socket === null) {
  describe("edge haproxy in a container", () => {
    test("conformance", ({ skip }) => skip(noEngine));
  });
} else {
  const version = await containerRunner({ engine: socket, image: testImages.haproxy }, haproxyFiles("/tmp")).version();
  const make = (proxies?: FrontProxies) => testContainer(socket, proxies);
  test("who is killed and started again by the engine is waited for, and not started a second time", async () => {
    await using under = await make();
    await using app = await sayingApp("served");
    await under.edge.apply(oneRoute("killed/x", { hosts: ["killed.test"], upstreams: [app.upstream("k-1")] }));
    const before = await under.container();
    process.kill(before.State.Pid, "SIGKILL");
    await seen(
      async () => (await under.edge.observe("killed/x")).up,
      (up) => !up,
    );
    await under.edge.ensure();
    expect((await ask(under.url, { host: "killed.test" })).text).toBe("served");
    const after = await under.container();
    expect([after.Id, after.RestartCount]).toEqual([before.Id, before.RestartCount + 1]);
  });
  test("one whose directory was lost gives its port to the next one of that directory", async () => {
    await using under = await make();
    const { Id } = await under.container();
    await under.edge.close();
    await rm(under.directory, { recursive: true });
    const listen = { host: "127.0.0.1", port: under.edge.address().port };
    const run = { engine: socket, image: testImages.haproxy };
    const { directory } = under;
    const next = haproxyEdge({ directory, listen, secure: null, proxies: noFrontProxies, run, clock: hastyClock });
    await next.ensure();
    expect((await ask(under.url, { host: "nobody.test" })).status).toBe(404);
    expect((await under.container()).Id).not.toBe(Id);
    await next.close();
  });
  test("its worker is a user of its own without any right, which cannot write the container's files", async ({
    skip,
  }) => {
    if (process.getuid?.() !== 0) return skip("only root's controller gives the edge another user");
    await using under = await testContainer(socket, noFrontProxies, { uid: 79_990, gid: 79_990 });
    expect((await ask(under.url, { host: "nobody.test" })).status).toBe(404);
    const { State, HostConfig } = await under.container();
    const [worker] = (await readFile(`/proc/${State.Pid}/task/${State.Pid}/children`, "utf8")).split(" ");
    const status = await readFile(`/proc/${worker}/status`, "utf8");
    expect(status).toMatch(/^Uid:(\t79990){4}$/m);
    expect(status).toMatch(/^CapEff:\t0{16}$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(HostConfig).toMatchObject({ ReadonlyRootfs: true, PidsLimit: 1_024, CapDrop: ["ALL"] });
    // Its master can still tell it to end, as a reload does too.
    await under.edge.close();
    const ended = under.ended();
    await stopContainer(socket, under.directory);
    // Whoever does not obey is killed (128 + 9).
    expect((await ended).StatusCode).not.toBe(137);
  });
  edgeConformance("haproxy in a container", make, { skip: limitsOf(version), behind: make });
}
