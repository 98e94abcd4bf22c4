import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ContainerEngine } from "../../../src/host/engine.ts";
import { testEngine, testImages } from "../../../src/testing/engine.ts";
import { City } from "../city.ts";

const engine = new ContainerEngine(testEngine() ?? "/nonexistent/docker.sock");
const attempts = join(import.meta.dirname, "../apart/attempts.mjs");

const server = `
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
for (const place of [process.env.HOME, process.env.TMPDIR, "."]) writeFileSync(place + "/secret", "s");
createServer((request, response) => response.end(process.env.FAIRLEAD_ENVIRONMENT)).listen(process.env.PORT, "0.0.0.0");
`;
const manifest = `version: 1
app: beacon
services: { web: { run: node server.mjs, http: { port: 8000, ready: { path: / } } } }
deploy: { watch: { for: 0s } }
environments: { staging: {} }
`;

/** What only a container can try of another: over the engine's networks, by names, devices and mounts. */
const overNetworks = `
import * as fs from "node:fs";
import { execFileSync } from "node:child_process";
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
const { address, name, gateway, engine } = JSON.parse(process.argv[2]);
const dial = (to) => new Promise((resolve, reject) => {
  const socket = connect(to);
  socket.once("connect", () => resolve(true)).once("error", reject);
  setTimeout(() => reject(new Error("no answer")), 2000).unref();
});
/** Whoever else listens on the host's port answers too; only production's own answer reached production. */
const hear = async (host) => (await (await fetch("http://" + host + ":8000/", { signal: AbortSignal.timeout(2000) })).text()) === "production";
const tried = {
  "dial its address": () => dial({ host: address, port: 8000 }),
  "find it by its name": () => lookup(name),
  "find its service": async () => { const found = await lookup("web").catch(() => null); return found?.address === address; },
  "hear it through its gateway": () => hear(gateway),
  "call the engine": () => dial({ path: engine }),
  "call the engine where it usually is": () => dial({ path: "/var/run/docker.sock" }),
  "call the engine over its port": () => dial({ host: gateway, port: 2375 }),
  "make a device": () => execFileSync("mknod", ["/tmp/disk", "b", "8", "0"], { stdio: "pipe" }) && true,
  "mount the host's files": () => execFileSync("mount", ["-t", "proc", "none", "/mnt"], { stdio: "pipe" }) && true,
  "write a setting of the kernel": () => fs.appendFileSync("/proc/sys/kernel/core_pattern", "x") === undefined,
  "change the control group": () => fs.writeFileSync("/sys/fs/cgroup/release_agent", "x") === undefined,
  "open raw memory": () => fs.openSync("/dev/mem", "r") > 0,
  "see another's processes": () => fs.readdirSync("/proc").filter((each) => /^[0-9]+$/.test(each)).length > 12,
};
for (const [what, attempt] of Object.entries(tried)) {
  const done = await Promise.resolve().then(attempt).catch(() => false);
  console.log(what + ": " + (done ? "done" : "refused"));
}
process.exit(0);
`;

interface Shown {
  readonly Name: string;
  readonly State: { readonly Pid: number };
  readonly NetworkSettings: {
    readonly Networks: Record<string, { readonly IPAddress: string; readonly Gateway: string }>;
  };
}

/** Attempts of the list that reach nothing but the container itself. */
const ownLoopback = ["listen on its port", "listen beside it on its port"];

test("nothing of production's container can be read, changed, dialled or ended by one of staging", async () => {
  await using city = await City.found();
  await writeFile(join(city.app, "fairlead.yml"), manifest);
  await writeFile(join(city.app, "server.mjs"), server);
  await writeFile(join(city.app, "networks.mjs"), overNetworks);
  await writeFile(join(city.app, "Dockerfile"), `FROM ${testImages.node}\nWORKDIR /app\nCOPY . .\n`);
  await cp(attempts, join(city.app, "attempts.mjs"));
  await city.startController();
  for (const environment of ["production", "staging"]) {
    const { code, stderr } = await city.fairlead("deploy", "-e", environment);
    expect(stderr + code).toMatch(/0$/);
  }
  const filters = { label: ["fairlead.environment=production", "fairlead.app=beacon", "fairlead.service=web"] };
  const containers = await engine.json<{ Id: string; Names: string[] }[]>("GET", "/containers/json", {
    query: { filters },
  });
  const shown = await Promise.all(containers.map(({ Id }) => engine.json<Shown>("GET", `/containers/${Id}/json`)));
  const target = shown.find(({ Name }) => Name.includes("beacon-production-web"));
  const network = Object.values(target?.NetworkSettings.Networks ?? {})[0];
  if (!target || !network) return expect.fail("no container of production");
  const { Pid: pid } = target.State;
  const run = join(city.state, "run");
  const facts = { pid, supervisor: pid, port: 8000, place: join(run, target.Name.slice(1)), state: city.state };
  const others = { artifact: join(city.state, "store", "a", "b"), edge: pid, controller: city.controllerPid };
  const whole = JSON.stringify({ ...facts, ...others });
  const over = {
    address: network.IPAddress,
    name: target.Name.slice(1),
    gateway: network.Gateway,
    engine: engine.socket,
  };
  const done: string[] = [];
  for (const [script, words, least] of [
    ["attempts.mjs", whole, 60],
    ["networks.mjs", JSON.stringify(over), 13],
  ] as const) {
    const { stdout, stderr } = await city.fairlead("run", "-e", "staging", "--", "node", script, words);
    const lines = stdout.split("\n").filter((line) => /: (?:done|refused)/.test(line));
    expect(lines.length, stderr).toBeGreaterThanOrEqual(least);
    done.push(...lines.filter((line) => line.endsWith(": done")).map((line) => line.replace(/: done$/, "")));
  }
  expect(done.filter((each) => !ownLoopback.includes(each))).toEqual([]);
  expect((await city.get("/")).body).toBe("production");
});
