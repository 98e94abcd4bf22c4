import { chmodSync, chownSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { appendFile, cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { artifactDirectory } from "../../src/adapters/build/source/content-store.ts";
import { procText } from "../../src/host/proc.ts";
import { City } from "./city.ts";
import { platform } from "./testbed.ts";

const attempts = join(import.meta.dirname, "apart", "attempts.mjs");

const server = `
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
for (const place of [process.env.HOME, process.env.TMPDIR, "."]) writeFileSync(place + "/secret", "s");
createServer((request, response) => {
  if (request.url !== "/") writeFileSync("visits", process.env.FAIRLEAD_ENVIRONMENT + request.url);
  response.end(existsSync("visits") ? readFileSync("visits") : "none");
}).listen(process.env.PORT);
`;
const manifest = (app: string) => `
version: 1
app: ${app}
services: { web: { run: node server.js, http: { ready: { path: / } } } }
deploy: { watch: { for: 0s } }
environments: { staging: {} }
`;

async function source(directory: string, app: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  await writeFile(join(directory, "server.js"), server);
  await writeFile(join(directory, "fairlead.yml"), manifest(app));
  await cp(attempts, join(directory, "attempts.mjs"));
}

const processOf = (path: string) => Number(readFileSync(path, "utf8").split(" ")[0]);
const commandOf = (pid: string) => (procText(`/proc/${pid}/cmdline`) ?? "").split("\0").join(" ");

/** What an attacker could know or guess of production's only instance. */
async function targetIn(city: City): Promise<Record<string, string | number>> {
  const run = join(city.state, "run");
  const name = readdirSync(run).find((each) => each.startsWith("fl-beacon-production-web")) ?? "";
  const place = join(run, name);
  const supervisor = processOf(join(place, "claim"));
  const childOf = (pid: number) =>
    Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
  let pid = childOf(supervisor);
  // In namespaces of its own there are two more above it.
  while (childOf(pid) > 0) pid = childOf(pid);
  const { port, spec } = JSON.parse(readFileSync(join(place, "spec.json"), "utf8"));
  const all = readdirSync("/proc").filter((each) => /^\d+$/.test(each));
  const edge = Number(
    all.find((each) => /edge\.(ts|js) /.test(commandOf(each)) && commandOf(each).includes(city.state)),
  );
  const artifact = artifactDirectory(join(city.state, "store"), spec.artifact);
  expect(existsSync(artifact)).toBe(true);
  return { pid, supervisor, port, place, state: city.state, artifact, edge, controller: city.controllerPid };
}

/** A city with production, staging and another app, and what its attackers get done. */
async function played(city: City, script?: readonly string[], more = "", under: readonly string[] = []) {
  const other = join(city.app, "..", "other");
  await source(city.app, "beacon");
  await appendFile(join(city.app, "fairlead.yml"), more);
  await source(other, "other");
  await city.startController(script, under);
  for (const [directory, environment] of [
    [city.app, "production"],
    [city.app, "staging"],
    [other, "production"],
  ] as const) {
    const { code, stderr } = await city.fairleadIn(directory, "deploy", "-e", environment);
    expect(stderr + code).toMatch(/0$/);
  }
  const target = await targetIn(city);
  const attack = async (directory: string, environment: string, onlyLook = false) => {
    const words = JSON.stringify({ ...target, onlyLook });
    const { stdout } = await city.fairleadIn(directory, "run", "-e", environment, "--", "node", "attempts.mjs", words);
    const lines = stdout.split("\n").filter((line) => /: (?:done|refused)/.test(line));
    expect(lines.length).toBeGreaterThan(onlyLook ? 30 : 60);
    return lines.filter((line) => line.endsWith(": done")).map((line) => line.replace(/: done$/, ""));
  };
  return { target, other, attack };
}

/** Of the list, what docs/environments.md says that a controller which is not root's does not refuse. */
const asTheManualSays = [
  ...["read a file of its home", "read a temporary file", "read its output", "read its environment", "read its memory"],
  ...["dial its port", "read the artifact", "read the vault's key", "read the journal", "call the controller"],
];

describe.runIf(process.getuid?.() === 0 && platform === "process")("plain processes", () => {
  test("under root nothing of production can be read, changed, dialled or ended by staging or another app", async () => {
    await using city = await City.found();
    const { target, other, attack } = await played(city);
    expect(await attack(city.app, "staging")).toEqual([]);
    expect(await attack(other, "production")).toEqual([]);
    // A core file would hold what they hold.
    for (const each of ["controller", "edge", "supervisor", "pid"]) {
      expect(readFileSync(`/proc/${target[each]}/limits`, "utf8"), each).toMatch(/^Max core file size +0 +0 /m);
    }
    expect(readFileSync(`/proc/${target.pid}/limits`, "utf8")).toMatch(/^Max processes +4096 +4096 /m);
    expect((await city.get("/customer-7")).body).toBe("production/customer-7");
    expect((await city.get("/", "staging--web.beacon.localhost")).body).toBe("none");
    const killAll = await city.fairlead("run", "-e", "staging", "--", "/bin/sh", "-c", "kill -9 -1");
    expect(killAll.code).not.toBe(0);
    expect(await targetIn(city)).toEqual(target);
    // The environment itself can, and so can whoever runs the machine.
    const own = await city.fairlead(
      "run",
      "--",
      "node",
      "-e",
      `fetch("http://127.0.0.1:${target.port}/").then((a) => console.log(a.status))`,
    );
    expect(own.stdout).toContain("200");
    expect((await fetch(`http://127.0.0.1:${target.port}/`)).status).toBe(200);
  });

  test("so it is in a directory that is closed to others, with builds, and where root may not mount it does not start", async () => {
    await using city = await City.found();
    const around = join(city.state, "..");
    chmodSync(around, 0o700);
    const without = ["/usr/bin/setpriv", "--bounding-set=-sys_admin"];
    await expect(city.startController(undefined, without)).rejects.toThrow(
      new RegExp(`${around} is closed to the users of apps[^]*--state /var/lib/fairlead[^]*--run-as root`),
    );
    const { attack } = await played(city, undefined, `build: { command: ["sh", "-c", "echo 1 > $HOME/kept"] }`);
    expect(await city.controllerLog()).not.toContain("run as root because");
    expect(await attack(city.app, "staging")).toEqual([]);
    const who = await city.fairlead("run", "--", "sh", "-c", `id -u; ls ${around}`);
    expect(who.stdout).toMatch(/^7\d{4}\n$/);
    expect((await city.get("/customer-8")).body).toBe("production/customer-8");
  });

  const asNobody = [join(import.meta.dirname, "apart", "as-nobody.ts"), "controller"];

  test("a controller that is not root's gives all that it runs namespaces, and nothing but ports is open", async () => {
    await using city = await City.found();
    chownSync(city.state, 65_534, 65_534);
    const { target, other, attack } = await played(city, asNobody, `build: { command: ["sh", "-c", "echo 1 > kept"] }`);
    expect(await city.controllerLog()).not.toContain("vault.key");
    expect((await city.fairlead("doctor")).stdout).toMatch(
      /its own namespaces[\s\S]*ports and this user's other files are not/,
    );
    for (const directory of [city.app, other]) {
      const environment = directory === other ? "production" : "staging";
      expect(await attack(directory, environment)).toEqual([
        "dial its port",
        "dial its port over IPv6",
        "dial its port by another address",
      ]);
    }
    await city.fairlead("run", "-e", "staging", "--", "/bin/sh", "-c", "kill -9 -1");
    expect(await targetIn(city)).toEqual(target);
    expect((await city.get("/customer-9")).body).toBe("production/customer-9");
    await city.killController();
    await city.startController(asNobody);
    expect(await targetIn(city)).toEqual({ ...target, controller: city.controllerPid });
    const { code, stderr } = await city.fairlead("down", "-e", "production", "--yes");
    expect(stderr + code).toMatch(/0$/);
    expect(existsSync(`/proc/${target.pid}`)).toBe(false);
  });

  test("where the kernel refuses them it says at its start and in doctor what it does not keep apart, and that is so", async () => {
    await using city = await City.found();
    chownSync(city.state, 65_534, 65_534);
    // Who is in a changed root gets no user namespace (unshare(2), EPERM).
    const changed = join(city.state, "..", "changed-root");
    await mkdir(changed);
    const script = `mount --rbind / "$0" && exec chroot "$0" "$@"`;
    const under = ["/usr/bin/unshare", "--mount", "--", "/bin/sh", "-c", script, changed];
    const { attack } = await played(city, asNobody, "", under);
    const log = await city.controllerLog();
    expect(log).toMatch(
      /can read its vault.key, call its socket and end each other[\s\S]*unshare failed: Operation not perm/,
    );
    expect((await city.fairlead("doctor")).stdout).toContain("vault.key");
    const done = await attack(city.app, "staging", true);
    expect(done).toEqual(expect.arrayContaining(asTheManualSays));
  });
});
