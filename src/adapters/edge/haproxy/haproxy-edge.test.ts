import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type AccessRecord, noFrontProxies } from "../../../model/route.ts";
import { wallClock } from "../../../testing/clock.ts";
import { ask, dial, nextText, oneRoute, sayingApp, seen, testApp } from "../../../testing/conformance/edge-rig.ts";
import { ownPort } from "../../../testing/ports.ts";
import { askWorkers } from "./cli.ts";
import { haproxyFiles } from "./files.ts";
import { haproxyEdge } from "./haproxy-edge.ts";
import { programRunner } from "./program.ts";
import { readHaproxyNote } from "./stop.ts";
import { haproxyTestEdge, hastyClock, run } from "./test-edge.ts";

const installed = await programRunner(run, haproxyFiles("/nowhere"))
  .version()
  .catch(() => null);

const workersOf = (directory: string) => askWorkers(haproxyFiles(directory).master);

describe.skipIf(installed === null)("edge haproxy", () => {
  test("a reload for more slots cuts no stream, loses no request, and keeps the counts of who stays", async () => {
    await using under = await haproxyTestEdge();
    const { edge, url, directory } = under;
    let send: (text: string) => void = () => undefined;
    await using app = await testApp((req, res) => {
      if (req.url !== "/stream") return void res.end("short");
      res.writeHead(200, { "content-type": "text/event-stream" });
      send = (text) => res.write(text);
      send("first");
    });
    const upstreams = [app.upstream("long-1")];
    await edge.apply(oneRoute("long/x", { hosts: ["long.test"], upstreams }));
    const stream = await dial(url);
    stream.write("GET /stream HTTP/1.1\r\nHost: long.test\r\n\r\n");
    await seen(
      () => nextText(stream),
      (text) => text.includes("first"),
    );
    for (let i = 0; i < 3; i += 1) await ask(url, { host: "long.test" });
    const before = await workersOf(directory);
    let stop = false;
    const statuses = new Set<number>();
    const load = Array.from({ length: 4 }, async () => {
      while (!stop) statuses.add((await ask(url, { host: "long.test" })).status);
    });
    const many = Array.from({ length: 20 }, (_none, index) => app.upstream(`many-${index}`));
    await edge.apply(oneRoute("many/x", { hosts: ["many.test"], upstreams: many }));
    stop = true;
    await Promise.all(load);
    const after = await workersOf(directory);
    expect(after?.current).not.toBe(before?.current);
    expect(after?.old).toEqual([before?.current]);
    expect(statuses).toEqual(new Set([200]));
    expect((await ask(url, { host: "many.test" })).text).toBe("short");
    send("second");
    expect(await nextText(stream)).toContain("second");
    const stats = (await edge.observe("long/x")).stats["long-1"];
    expect(stats?.active).toBe(1);
    expect(stats?.requests).toBeGreaterThan(4);
    stream.destroy();
    await seen(
      () => workersOf(directory),
      (workers) => workers?.old.length === 0,
    );
    expect((await edge.observe("long/x")).stats["long-1"]?.requests).toBeGreaterThanOrEqual(stats?.requests ?? 0);
  });

  test("the next controller takes over what runs, tables, counts and hold included", async () => {
    await using under = await haproxyTestEdge();
    const { edge, url, directory } = under;
    await using app = await sayingApp("served");
    const held = { hosts: ["held.test"], upstreams: [], holdMs: 20_000 };
    await edge.apply(oneRoute("kept/x", { hosts: ["kept.test"], upstreams: [app.upstream("kept-1")] }));
    await edge.apply(oneRoute("held/x", held));
    const waiting = ask(url, { host: "held.test" });
    const pid = (await readHaproxyNote(directory))?.pid;
    await edge.close();
    const listen = { host: "127.0.0.1", port: 0 };
    const proxies = { trust: [], proxyProtocol: false };
    const next = haproxyEdge({ directory, listen, secure: listen, proxies, run, clock: wallClock });
    await next.ensure();
    expect(next.address()).toEqual(edge.address());
    expect((await readHaproxyNote(directory))?.pid).toBe(pid);
    expect(await next.owners()).toEqual(["held/x", "kept/x"]);
    await ask(url, { host: "kept.test" });
    expect((await next.observe("kept/x")).stats["kept-1"]).toMatchObject({ requests: 1, failures: 0 });
    await next.apply(oneRoute("held/x", { ...held, holdMs: null, upstreams: [app.upstream("held-1")] }));
    expect((await waiting).text).toBe("served");
    await next.close();
  });

  test("another port that somebody has is said to be taken, and the one before goes on; a free one is moved to", async () => {
    await using under = await haproxyTestEdge(noFrontProxies, false);
    await using app = await sayingApp("served");
    await under.edge.apply(oneRoute("moved/x", { hosts: ["moved.test"], upstreams: [app.upstream("moved-1")] }));
    const { directory } = under;
    const proxies = noFrontProxies;
    const at = (port: number) =>
      haproxyEdge({ directory, listen: { host: "127.0.0.1", port }, secure: null, proxies, run, clock: hastyClock });
    const taken = at(app.upstream("moved-1").port);
    await expect(taken.ensure()).rejects.toMatchObject({ code: "listen.in-use" });
    expect((await ask(under.url, { host: "moved.test" })).text).toBe("served");
    const port = await ownPort();
    const moved = at(port);
    await moved.ensure();
    expect((await ask(`http://127.0.0.1:${port}`, { host: "moved.test" })).text).toBe("served");
    await taken.close();
    await moved.close();
  });

  test("without a TLS address it is taken over just so", async () => {
    await using under = await haproxyTestEdge(noFrontProxies, false);
    await using app = await sayingApp("served");
    await under.edge.apply(oneRoute("plain/x", { hosts: ["plain.test"], upstreams: [app.upstream("plain-1")] }));
    await under.edge.ensure();
    expect(under.edge.secureAddress()).toBeNull();
    expect((await ask(under.url, { host: "plain.test" })).text).toBe("served");
  });

  test("what a controller wrote but did not come to serve is served by the next one", async () => {
    await using under = await haproxyTestEdge();
    const { edge, url, directory } = under;
    await using app = await sayingApp("old");
    await using other = await sayingApp("new");
    await edge.apply(oneRoute("torn/x", { hosts: ["torn.test"], upstreams: [app.upstream("torn-1")] }));
    const files = haproxyFiles(directory);
    const { askCli } = await import("./cli.ts");
    const map = await readFile(files.map, "utf8");
    await edge.apply(oneRoute("torn/x", { hosts: ["torn.test"], upstreams: [other.upstream("torn-2")] }));
    // As if the last step, the map in HAProxy, had not been done.
    const version = /created: (\d+)/.exec(await askCli(files.admin, `prepare map ${files.map}`))?.[1];
    await askCli(files.admin, `add map @${version} ${files.map} <<\n${map}`);
    await askCli(files.admin, `commit map @${version} ${files.map}`);
    expect((await ask(url, { host: "torn.test" })).text).toBe("old");
    expect((await edge.observe("torn/x")).table).toBeNull();
    await edge.ensure();
    expect((await ask(url, { host: "torn.test" })).text).toBe("new");
    expect((await edge.observe("torn/x")).table).not.toBeNull();
  });

  test("a pool is used again only when its last stream has ended, whether anybody looked meanwhile or not", async () => {
    await using under = await haproxyTestEdge();
    const { edge, url, directory } = under;
    await using app = await testApp((_req, res) => void res.writeHead(200).write("on"));
    await edge.apply(oneRoute("pool/x", { hosts: ["pool.test"], upstreams: [app.upstream("pool-0")] }));
    const stream = await dial(url);
    stream.write("GET / HTTP/1.1\r\nHost: pool.test\r\n\r\n");
    await nextText(stream);
    const layout = async () => JSON.parse(await readFile(haproxyFiles(directory).layout, "utf8"));
    const [first] = (await layout()).leases;
    const change = (id: string) =>
      edge.apply(oneRoute("pool/x", { hosts: ["pool.test"], upstreams: [app.upstream(id)] }));
    await change("pool-1");
    const left = performance.now();
    let round = 1;
    const kept = async () => {
      round += 1;
      await change(`pool-${round}`);
      return (await layout()).leases.some(({ number }: { number: number }) => number === first.number);
    };
    // Longer than a pool rests.
    await seen(kept, (still) => !still || performance.now() - left > 3_000);
    expect(await kept()).toBe(true);
    stream.destroy();
    await seen(kept, (still) => !still);
  });

  test("a pool that had more upstreams before sends nothing to those that are gone", async () => {
    await using under = await haproxyTestEdge();
    const { edge, url, directory } = under;
    await using app = await sayingApp("here");
    await using gone = await sayingApp("gone");
    const three = ["more-1", "more-2", "more-3"].map((id) => (id === "more-1" ? app : gone).upstream(id));
    await edge.apply(oneRoute("more/x", { hosts: ["more.test"], upstreams: three }));
    const leases = async () => JSON.parse(await readFile(haproxyFiles(directory).layout, "utf8")).leases;
    const [{ pool }] = await leases();
    let round = 0;
    const reused = async () => {
      round += 1;
      await edge.apply(oneRoute("more/x", { hosts: ["more.test"], upstreams: [app.upstream(`one-${round}`)] }));
      return (await leases()).some((one: { pool: string; routed: boolean }) => one.routed && one.pool === pool);
    };
    await seen(reused, (yes) => yes);
    for (let i = 0; i < 6; i += 1) expect((await ask(url, { host: "more.test" })).text).toBe("here");
  });

  test("every request of a burst is recorded", async () => {
    await using under = await haproxyTestEdge();
    const { edge, url } = under;
    await using app = await sayingApp("x");
    await edge.apply(oneRoute("burst/x", { hosts: ["burst.test"], upstreams: [app.upstream("burst-1")] }));
    const records: AccessRecord[] = [];
    const stop = edge.records((batch) => records.push(...batch));
    await seen(
      () => ask(url, { host: "burst.test", path: "/warm" }),
      () => records.length > 0,
    );
    const text = "GET /burst HTTP/1.1\r\nHost: burst.test\r\n\r\n".repeat(2_000);
    const sockets = await Promise.all(Array.from({ length: 5 }, () => dial(url)));
    for (const socket of sockets) socket.resume().write(text);
    await seen(
      () => records.filter(({ path }) => path === "/burst").length,
      (count) => count === 10_000,
    );
    stop();
    for (const socket of sockets) socket.destroy();
  });
});
