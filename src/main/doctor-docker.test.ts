import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { ContainerEngine } from "../host/engine.ts";
import { noEngine, testEngine } from "../testing/engine.ts";
import {
  addressesCheck,
  clockCheck,
  dockerChecks,
  type EngineContainer,
  type EngineInfo,
  engineDiskCheck,
  liveRestoreCheck,
  publishedCheck,
  webPortsCheck,
} from "./doctor-docker.ts";
import { listeners } from "./listeners.ts";

const info: EngineInfo = {
  Driver: "overlay2",
  DockerRootDir: "/var/lib/docker",
  LiveRestoreEnabled: true,
  MemoryLimit: true,
  CpuCfsQuota: true,
  PidsLimit: true,
  MemTotal: 8 * 1024 ** 3,
  SystemTime: "2026-01-01T00:00:00Z",
};
const gigabyte = 1024 ** 3;
const now = Date.parse("2026-01-15T00:00:00Z");

test("an engine answers every question, each with what was found, and two who ask at once", async ({ skip }) => {
  const socket = testEngine();
  if (socket === null) skip(noEngine);
  else {
    const engine = new ContainerEngine(socket);
    const answers = await Promise.all([dockerChecks(engine, Date.now), dockerChecks(engine, Date.now)]);
    engine.close();
    const [rows = []] = answers;
    const names = rows.map(({ name }) => name);
    expect(names).toEqual(["engine", "live-restore", "engine disk", "limits", "clock", "published", "addresses"]);
    expect(rows[0]?.detail).toMatch(/^Docker \d+\.\d+\.\S+, API 1\.\d+, storage \w+$/);
    const disk = /^[\d.]+ \wB free at \/\S+; images [\d.]+ \w?B, build cache [\d.]+ \w?B/;
    for (const found of answers) expect(found[2]?.detail).toMatch(disk);
    expect(rows[4]).toMatchObject({ state: "ok" });
    for (const { state, fix } of rows) expect(fix === null).toBe(state === "ok");
  }
});

test("an engine that does not answer is one row, with what to do", async () => {
  const rows = await dockerChecks(new ContainerEngine("/nowhere/docker.sock"), Date.now);
  expect(rows).toEqual([
    { name: "engine", state: "fail", detail: expect.stringContaining("/nowhere/docker.sock"), fix: expect.any(String) },
  ]);
});

test("apps that stop with the engine are a warning, except on a swarm, which cannot do otherwise", () => {
  const off = { ...info, LiveRestoreEnabled: false };
  expect(liveRestoreCheck(info).state).toBe("ok");
  expect(liveRestoreCheck(off).state).toBe("warn");
  expect(liveRestoreCheck({ ...off, Swarm: { LocalNodeState: "active" } }).state).toBe("ok");
});

describe("the engine's disk", () => {
  const image = (daysOld: number, gigabytes: number, shared = 0) => ({
    Created: now / 1_000 - daysOld * 86_400,
    Size: gigabytes * gigabyte,
    SharedSize: shared * gigabyte,
  });
  const disk = (free: number, ...Images: ReturnType<typeof image>[]) =>
    engineDiskCheck({
      info,
      usage: { LayersSize: 3 * gigabyte, Images, BuildCache: null },
      free: free * gigabyte,
      now,
    });

  test("is well with room for months", () => {
    expect(disk(100, image(1, 1)).detail).toBe("100.0 GB free at /var/lib/docker; images 3.0 GB, build cache 0 B");
    expect(disk(100, image(1, 1))).toMatchObject({ state: "ok", fix: null });
  });

  test("that will be full in days says when; old images and shared layers do not count as growth", () => {
    const row = disk(20, image(1, 10, 3), image(6, 7), image(30, 500));
    expect(row).toMatchObject({ state: "warn", detail: expect.stringContaining("full in 10 days") });
    expect(disk(20, image(30, 500)).state).toBe("ok");
  });

  test("with little left warns, with less than a build needs it fails", () => {
    expect(disk(4).state).toBe("warn");
    expect(disk(0.5).state).toBe("fail");
  });

  test("of another machine is told as such", () => {
    expect(engineDiskCheck({ info, usage: null, free: null, now })).toMatchObject({
      state: "ok",
      detail: "/var/lib/docker cannot be seen from here",
    });
  });
});

test("a clock is compared in both directions", () => {
  expect(clockCheck(1_500).state).toBe("ok");
  expect(clockCheck(-90_000)).toMatchObject({ state: "warn", detail: expect.stringContaining("90.0 s behind") });
  expect(clockCheck(3_000).detail).toContain("3.0 s ahead of");
});

describe("published ports", () => {
  const container = (name: string, IP: string, ours = false): EngineContainer => ({
    Names: [`/${name}`],
    Labels: ours ? { "fairlead.installation": "x" } : {},
    Ports: [{ IP, PublicPort: 5432 }, { IP, PublicPort: 5432 }, {}],
  });

  test("of ours are a mistake, of others a fact, of the loopback nothing", () => {
    expect(publishedCheck([container("db", "0.0.0.0", true), container("other", "::")], false)).toMatchObject({
      state: "fail",
      detail: "open to everybody: db (5432)",
    });
    expect(publishedCheck([container("other", "::"), container("near", "127.0.0.1")], true)).toMatchObject({
      state: "ok",
      detail: "others' containers open to everybody, past ufw: other (5432)",
    });
    expect(publishedCheck([container("near", "127.0.0.1", true)], true).detail).toBe("no container publishes a port");
  });
});

test("networks are counted that environments to come can still have", () => {
  const network = (...subnets: string[]) => ({ IPAM: { Config: subnets.map((Subnet) => ({ Subnet })) } });
  const elsewhere = [network("172.17.0.0/16"), network(), { IPAM: { Config: null } }];
  expect(addressesCheck(elsewhere, ["127.0.0.1/8"])).toMatchObject({
    state: "ok",
    detail: "256 networks left for new environments",
  });
  expect(addressesCheck([...elsewhere, network("10.222.7.0/24")], ["10.222.9.1/24"]).detail).toContain("254 networks");
  expect(addressesCheck([network("10.222.0.0/17", "10.222.128.0/18", "10.222.192.0/19")], []).state).toBe("ok");
  const most = ["10.222.0.0/17", "10.222.128.0/18", "10.222.192.0/19", "10.222.224.0/20", "10.222.240.0/21"];
  expect(addressesCheck([network(...most, "10.222.248.0/22")], []).state).toBe("warn");
  expect(addressesCheck([], ["10.0.0.5/8"]).state).toBe("fail");
});

test("who listens is found with its name, on either family, and gone when it ends", async () => {
  const loopback = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  for (const host of ["127.0.0.1", "::1"].filter((one) => loopback.some(({ address }) => address === one))) {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, host, done));
    const { port } = server.address() as { port: number };
    expect(listeners([port])).toEqual([{ port, program: expect.stringMatching(`\\(process ${process.pid}\\)$`) }]);
    await new Promise((done) => server.close(done));
    expect(listeners([port])).toEqual([]);
  }
});

test("ports of the web are free, the edge's, or taken by somebody who is named", () => {
  const taken = [
    { port: 80, program: "nginx (process 7)" },
    { port: 443, program: null },
  ];
  expect(webPortsCheck([], [])).toMatchObject({ state: "ok", detail: "80 and 443 are free" });
  expect(webPortsCheck([80, 443], taken)).toMatchObject({ state: "ok", detail: "the edge has 80 and 443" });
  expect(webPortsCheck([443], taken)).toMatchObject({ state: "warn", detail: "taken: 80 by nginx (process 7)" });
  expect(webPortsCheck([8080], taken)).toMatchObject({
    state: "ok",
    detail: expect.stringContaining("at 8080; taken: 80 by nginx"),
  });
  expect(webPortsCheck([], taken).state).toBe("warn");
  expect(webPortsCheck([80], taken).detail).toBe("taken: 443 by another program");
});
