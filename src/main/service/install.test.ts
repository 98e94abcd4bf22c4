import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runLine } from "../../cli/test-run.ts";
import type { MachineService } from "../../cli/world.ts";
import type { CheckView } from "../../contract/controller.ts";
import { checksWithoutController, installService, printedCompose, printedUnit, uninstallService } from "./install.ts";

let root: string;
let file: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fairlead-install-"));
  file = join(root, "etc/systemd/system/fairlead.service");
});

afterEach(() => rmSync(root, { recursive: true }));

/** The command line with the real service behind it, on a machine of its own below `root`. */
async function run(line: string) {
  const env = { DOCKER_HOST: "/nowhere/docker.sock" };
  const service: MachineService = {
    unit: (request) => printedUnit(request, env),
    compose: (request) => printedCompose(request, env),
    install: (request) => installService(request, env),
    uninstall: (at) => uninstallService(at, env),
  };
  const absentChecks = (stateDirectory: string) => checksWithoutController(stateDirectory, env);
  return runLine(line.split(" "), { cwd: root, host: { service: async () => service, absentChecks } });
}

describe("controller install", () => {
  test("writes the unit, and says so when there is nothing to change", async () => {
    const first = await run("controller install --root .");
    expect(first).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining(`Wrote ${file}.`) });
    const text = readFileSync(file, "utf8");
    // Of DOCKER_HOST the service would know nothing.
    const command = " controller --state /var/lib/fairlead --edge 0.0.0.0:80 --engine /nowhere/docker.sock\n";
    expect(text).toContain(command);
    expect((await run("controller install --root .")).stdout).toContain(`${file} is already up to date.`);
    expect((await run("controller install --print")).stdout).toBe(text);
  });

  test("takes the controller's flags, and writes the unit again when they change", async () => {
    const flags =
      "--listen 127.0.0.1:7070 --edge 127.0.0.1:9000 --trust-proxy 10.0.0.0/8 --proxy-protocol --runtime process --proxy embedded --ports 30000-30010 --run-as app";
    await run("controller install --root .");
    await run(`controller install --root . --state /srv/fl ${flags}`);
    expect(readFileSync(file, "utf8")).toContain(` --state /srv/fl ${flags}\n`);
    expect(readdirSync(dirname(file))).toEqual(["fairlead.service"]);
  });

  test("touches nothing when a check fails, unless it is forced", async () => {
    const refused = await run("controller install --root . --runtime docker --json");
    expect(refused.code).toBe(1);
    const { change, checks } = JSON.parse(refused.stdout);
    expect(change).toBe("refused");
    expect(checks).toContainEqual(expect.objectContaining({ name: "engine", state: "fail" }));
    expect(readdirSync(root)).toEqual([]);
    expect((await run("controller install --root . --runtime docker --force")).code).toBe(0);
    expect(readFileSync(file, "utf8")).toContain("--runtime docker");
  });

  test("leaves a unit that somebody else wrote, and so does uninstall", async () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "[Unit]\n");
    for (const verb of ["install", "uninstall"]) {
      const { code, stderr } = await run(`controller ${verb} --root .`);
      expect([code, stderr]).toEqual([5, expect.stringContaining("was not written by Fairlead")]);
      expect(readFileSync(file, "utf8")).toBe("[Unit]\n");
    }
  });

  test("refuses what the controller itself would refuse", async () => {
    for (const flags of [
      "--edge nowhere",
      "--listen 1",
      "--ports 9-1",
      "--print --compose",
      "--engine tcp://far:2375",
    ]) {
      const { code, stderr } = await run(`controller install --root . ${flags}`);
      expect([flags, code, stderr]).toEqual([flags, 2, expect.stringContaining("error: ")]);
    }
    expect(readdirSync(root)).toEqual([]);
  });

  test("prints a compose file for this version, and changes nothing", async () => {
    const { code, stdout } = await run("controller install --compose --state /srv/fl");
    expect(code).toBe(0);
    expect(stdout).toMatch(/image: "fairlead:\d+\.\d+\.\d+"/);
    expect(stdout).toContain(
      '"--state","/srv/fl","--engine","/nowhere/docker.sock","--edge","0.0.0.0:80","--runtime","docker"',
    );
    expect(readdirSync(root)).toEqual([]);
  });
});

describe("doctor while no controller answers", () => {
  const rows = async (where: string) => {
    const { code, stdout } = await run(`doctor --json ${where}`);
    expect(code).toBe(1);
    return JSON.parse(stdout).checks.map(({ name, state }: CheckView) => `${state} ${name}`);
  };

  test("looks at the machine by itself, at what the state directory is of", async () => {
    expect(await rows("--state .")).toEqual(expect.arrayContaining(["fail controller", "warn state", "ok engine"]));
    writeFileSync(join(root, "journal.db"), "");
    writeFileSync(join(root, "platform"), "docker\n");
    expect(await rows("--state .")).toEqual(expect.arrayContaining(["fail controller", "ok state", "fail engine"]));
    expect(await rows("--state . --url http://127.0.0.1:1")).toEqual(["fail controller"]);
  });
});

describe("controller uninstall", () => {
  test("takes the unit away and nothing else; twice is once", async () => {
    await run("controller install --root .");
    writeFileSync(join(dirname(file), "other.service"), "");
    expect((await run("controller uninstall --root .")).stdout).toContain(`Removed ${file}.`);
    expect((await run("controller uninstall --root .")).stdout).toContain("nothing to remove");
    expect(readdirSync(dirname(file))).toEqual(["other.service"]);
  });
});

test("fairlead controller alone is still the daemon, and help of it names its verbs", async () => {
  expect((await runLine(["help", "controller"])).stdout).toContain("Run the controller in the foreground");
  expect((await runLine(["controller", "instal"])).stderr).toContain("Did you mean `fairlead controller install`?");
  expect((await runLine(["--help"])).stdout).toMatch(/controller +Run .*; install, uninstall\n/);
});
