import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../../../host/alive.ts";
import { noFrontProxies } from "../../../model/route.ts";
import { wallClock } from "../../../testing/clock.ts";
import { ask, dial, nextText, oneRoute, seen, testApp } from "../../../testing/conformance/edge-rig.ts";
import { testAuthority } from "../../../testing/pki.ts";
import { type EmbeddedEdgeOptions, embeddedEdge } from "./embedded-edge.ts";
import { readEmbeddedNote } from "./files.ts";
import { runEdge } from "./run.ts";
import { protocol } from "./settings.ts";
import { addressExitCode } from "./start.ts";
import { stopEdge } from "./stop.ts";
import { embeddedTestEdge, entry } from "./test-edge.ts";

function edgeOn(directory: string, port: number, proxies = noFrontProxies) {
  const listen = { host: "127.0.0.1", port };
  return embeddedEdge({ directory, listen, secure: null, proxies, entry: [...entry], env: {}, clock: wallClock });
}

async function freshDirectory() {
  const path = await mkdtemp(join(tmpdir(), "fl-edge-"));
  return {
    path,
    async [Symbol.asyncDispose]() {
      await stopEdge(path);
      await rm(path, { recursive: true, force: true });
    },
  };
}

test("edges asked for at the same moment by several controllers are one process, which outlives them", async () => {
  await using directory = await freshDirectory();
  const edges = [edgeOn(directory.path, 0), edgeOn(directory.path, 0), edgeOn(directory.path, 0)];
  await Promise.all(edges.map((edge) => edge.ensure()));
  const addresses = edges.map((edge) => edge.address());
  expect(new Set(addresses.map(({ port }) => port)).size).toBe(1);
  const log = await readFile(join(directory.path, "edge.log"), "utf8");
  expect(log.match(/edge listens on/g)).toHaveLength(1);
  expect(log.match(/listen\.in-use/g)).toHaveLength(2);
  const note = await readEmbeddedNote(directory.path);
  expect(addresses[0]?.port).toBe(note?.port);
  for (const edge of edges) await edge.close();
  const later = edgeOn(directory.path, 0);
  await later.ensure();
  expect((await readEmbeddedNote(directory.path))?.pid).toBe(note?.pid);
  expect(later.address()).toEqual(addresses[0]);
});

test("an edge whose directory was removed before it came up ends and does not make it again", async () => {
  const path = join(tmpdir(), `fl-edge-gone-${process.pid}`);
  const listen = { host: "127.0.0.1", port: 0 };
  await expect(
    runEdge({ directory: path, listen, secure: null, proxies: noFrontProxies, log: () => undefined }),
  ).rejects.toThrow();
  await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
});

test("an edge stopped the moment it is up is gone", async () => {
  await using directory = await freshDirectory();
  for (let i = 0; i < 3; i += 1) {
    const edge = edgeOn(directory.path, 0);
    await edge.ensure();
    const { host, port } = edge.address();
    await stopEdge(directory.path);
    await expect(ask(`http://${host}:${port}`, { host: "any.test" })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  }
});

test("its admin socket is this user's alone", async () => {
  await using under = await embeddedTestEdge();
  expect((await stat(join(under.directory, "edge.sock"))).mode & 0o777).toBe(0o600);
});

test("certificates and their keys lie on disk for this user alone; damaged ones are set aside and cost only TLS", async () => {
  await using under = await embeddedTestEdge();
  const authority = await testAuthority();
  await under.edge.applyCertificates([await authority.certificate(["disk.test"])]);
  const path = join(under.directory, "certificates.json");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await under.crash();
  await writeFile(path, (await readFile(path, "utf8")).replace("PRIVATE KEY", "PRIVATE DOG"));
  await under.edge.ensure();
  expect((await ask(under.url, { host: "any.test" })).status).toBe(404);
  expect((await readdir(under.directory)).filter((name) => name.includes("certificates.json.damaged"))).toHaveLength(1);
  expect(await readFile(join(under.directory, "edge.log"), "utf8")).not.toMatch(/PRIVATE|MIG/);
});

test("a taken port for TLS is listen.in-use, names it, and leaves no edge behind", async () => {
  await using directory = await freshDirectory();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const listen = { host: "127.0.0.1", port: 0 };
  const secure = { host: "127.0.0.1", port };
  const edge = embeddedEdge({
    directory: directory.path,
    listen,
    secure,
    entry: [...entry],
    env: {},
    clock: wallClock,
  });
  await expect(edge.ensure()).rejects.toMatchObject({
    code: "listen.in-use",
    detail: expect.stringContaining(`127.0.0.1:${port}`),
  });
  other.close();
  await edge.ensure();
  expect(edge.secureAddress()).toEqual(secure);
  await edge.close();
});

test("an address that something else listens on is listen.in-use", async () => {
  await using directory = await freshDirectory();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const edge = edgeOn(directory.path, (other.address() as AddressInfo).port);
  await expect(edge.ensure()).rejects.toMatchObject({ code: "listen.in-use" });
  other.close();
  await once(other, "close");
  await edge.ensure();
});

test("a program that cannot be the edge is a fault that names its log", async () => {
  await using directory = await freshDirectory();
  const listen = { host: "127.0.0.1", port: 0 };
  const wrong = { directory: directory.path, listen, secure: null, env: {}, clock: wallClock };
  for (const program of ["/bin/false", "/nowhere/edge"]) {
    const fault = { code: "edge.unreachable", hint: expect.stringContaining("edge.log") };
    await expect(embeddedEdge({ ...wrong, entry: [program] }).ensure()).rejects.toMatchObject(fault);
  }
});

test("an address that this machine or user cannot have is refused with its reason", async () => {
  await using directory = await freshDirectory();
  const here = { host: "127.0.0.1", port: 0 };
  const elsewhere = { host: "192.0.2.7", port: 8_443 };
  const common = { directory: directory.path, env: {}, clock: wallClock };
  const ensured = (more: Pick<EmbeddedEdgeOptions, "listen" | "secure" | "entry">) =>
    embeddedEdge({ ...common, ...more }).ensure();
  for (const [listen, secure] of [
    [elsewhere, null],
    [here, elsewhere],
  ] as const) {
    const refused = { code: "edge.unreachable", detail: "192.0.2.7 is not an address of this machine" };
    await expect(ensured({ listen, secure, entry })).rejects.toMatchObject(refused);
  }
  // Only some users on some machines may not: the program that ends so stands for it.
  const denied = [process.execPath, "-e", `process.exit(${addressExitCode("EACCES", false)})`, "--"] as const;
  const detail = expect.stringContaining("port 80 needs root or CAP_NET_BIND_SERVICE");
  const low = { host: "127.0.0.1", port: 80 };
  await expect(ensured({ listen: low, secure: null, entry: denied })).rejects.toMatchObject({ detail });
});

test("a directory whose path is too long for a socket is refused in words", async () => {
  const edge = edgeOn(join(tmpdir(), "x".repeat(120)), 0);
  await expect(edge.ensure()).rejects.toMatchObject({
    code: "usage.invalid",
    detail: expect.stringContaining("bytes"),
  });
});

test("an edge of another version goes on serving, and how to exchange it is said", async () => {
  await using directory = await freshDirectory();
  const hello = { protocol: protocol - 1, pid: 4_711, listen: { host: "127.0.0.1", port: 1 }, secure: null };
  const older = createHttpServer((_req, res) => res.end(JSON.stringify(hello)));
  older.listen(join(directory.path, "edge.sock"));
  await once(older, "listening");
  await expect(edgeOn(directory.path, 0).ensure()).rejects.toMatchObject({
    code: "edge.unreachable",
    detail: expect.stringContaining("another version"),
    hint: expect.stringContaining("`kill 4711`"),
  });
  older.close();
});

test("a number of a process that ended and was given to another is not taken for the edge", async () => {
  await using directory = await freshDirectory();
  const note = { pid: process.pid, startTime: "1", host: "127.0.0.1", port: 1 };
  await writeFile(join(directory.path, "edge.json"), JSON.stringify(note));
  await stopEdge(directory.path);
  const edge = edgeOn(directory.path, 0);
  await edge.ensure();
  expect((await readEmbeddedNote(directory.path))?.pid).not.toBe(process.pid);
});

test("stopping lets a request under way finish, takes no new one, and ends the process", async () => {
  await using under = await embeddedTestEdge();
  let release: () => void = () => undefined;
  await using app = await testApp((_req, res) => {
    release = () => res.end("finished");
  });
  await under.edge.apply(oneRoute("stop/x", { hosts: ["stop.test"], upstreams: [app.upstream("stop-1")] }));
  const answer = ask(under.url, { host: "stop.test" });
  const active = () => under.edge.observe("stop/x").then(({ stats }) => stats["stop-1"]?.active);
  await seen(active, (count) => count === 1);
  const note = await readEmbeddedNote(under.directory);
  const stopped = stopEdge(under.directory);
  await seen(
    () => under.edge.observe("stop/x"),
    ({ up }) => !up,
  );
  await expect(ask(under.url, { host: "stop.test" })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  release();
  expect((await answer).text).toBe("finished");
  await stopped;
  expect(note !== null && isAlive(note)).toBe(false);
  expect(await readFile(join(under.directory, "edge.log"), "utf8")).toMatch(/edge has stopped/);
});

test("a door for insiders closes with the last route that wants it: what is under way there finishes, other doors stay", async () => {
  await using under = await embeddedTestEdge();
  let release: () => void = () => undefined;
  await using app = await testApp((req, res) => {
    if (req.url !== "/slow") return res.end("at once");
    res.write("begun ");
    release = () => res.end("finished");
  });
  const [door, from] = ["127.203.1.2", "127.0.7.3"];
  const inside = { callers: ["127.0.7.0/24"], doors: [door] };
  const url = under.url.replace("127.0.0.1", door);
  const upstreams = [app.upstream("brain-1")];
  const apply = (owner: string) =>
    under.edge.apply(oneRoute(owner, { hosts: [`${owner}.internal`], upstreams, inside }));
  await Promise.all([apply("brain"), apply("memory")]);
  await under.edge.apply(oneRoute("web", { hosts: ["web.test"], upstreams: [app.upstream("web-1")] }));
  const slow = ask(url, { host: "brain.internal", path: "/slow", from });
  await seen(
    () => under.edge.observe("brain"),
    ({ stats }) => stats["brain-1"]?.active === 1,
  );

  await under.edge.remove("brain");
  expect((await ask(url, { host: "memory.internal", from })).text).toBe("at once");
  const idle = await dial(url, from);
  idle.write("GET / HTTP/1.1\r\nHost: memory.internal\r\n\r\n");
  expect(await nextText(idle)).toMatch(/^HTTP\/1\.1 200 /);
  const ended = once(idle.resume(), "close");
  await under.edge.remove("memory");
  await expect(ask(url, { host: "memory.internal", from })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await ended;
  const user = await dial(under.url);
  user.write("GET / HTTP/1.1\r\nHost: web.test\r\n\r\n");
  expect(await nextText(user)).not.toMatch(/^connection: close/im);
  user.destroy();
  await apply("memory");
  expect((await ask(url, { host: "memory.internal", from })).text).toBe("at once");
  release();
  expect((await slow).text).toBe("begun finished");
});

test("a table damaged on disk is set aside and logged, and the other owners are served", async () => {
  await using under = await embeddedTestEdge();
  await using app = await testApp((_req, res) => res.end("fine"));
  await under.edge.apply(oneRoute("good/x", { hosts: ["good.test"], upstreams: [app.upstream("good-1")] }));
  await under.edge.apply(oneRoute("bad/x", { hosts: ["bad.test"], upstreams: [app.upstream("bad-1")] }));
  await under.crash();
  await writeFile(join(under.directory, "tables", "bad%2Fx.json"), "{");
  await under.edge.ensure();
  expect(await under.edge.owners()).toEqual(["good/x"]);
  expect((await ask(under.url, { host: "good.test" })).text).toBe("fine");
  expect(await readFile(join(under.directory, "edge.log"), "utf8")).toMatch(/set aside as .*bad%2Fx\.json\.damaged/);
});

test("an edge that runs learns whom to believe without being started again", async () => {
  await using directory = await freshDirectory();
  await using app = await testApp((req, res) => res.end(req.headers["x-real-ip"]));
  const first = edgeOn(directory.path, 0);
  await first.ensure();
  await first.apply(oneRoute("told/x", { hosts: ["told.test"], upstreams: [app.upstream("told-1")] }));
  const { host, port } = first.address();
  const headers = { "x-forwarded-for": "203.0.113.9" };
  const client = async () => (await ask(`http://${host}:${port}`, { host: "told.test", headers })).text;
  expect(await client()).toBe("127.0.0.1");
  const pid = (await readEmbeddedNote(directory.path))?.pid;
  const later = edgeOn(directory.path, 0, { trust: ["127.0.0.0/8"], proxyProtocol: false });
  await later.ensure();
  expect(await client()).toBe("203.0.113.9");
  await first.ensure();
  expect(await client()).toBe("127.0.0.1");
  expect((await readEmbeddedNote(directory.path))?.pid).toBe(pid);
  await Promise.all([first.close(), later.close()]);
});
