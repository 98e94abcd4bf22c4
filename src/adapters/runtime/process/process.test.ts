import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startChild } from "../../../host/child.ts";
import { bootId, statOf } from "../../../host/proc.ts";
import type { Runtime } from "../../../ports/runtime.ts";
import { exited, instanceSpec, outputOf, runtimeKey, taskSpec, until } from "../../../testing/conformance/runtime.ts";
import { ProcessFolder } from "./folder.ts";
import { assignments } from "./supervisor.ts";
import { processWorld } from "./world.ts";

let world: Awaited<ReturnType<typeof processWorld>>;
let runtime: Runtime;

/** Processes that have nothing to do with the runtime. */
const strangers: ReturnType<typeof startChild>[] = [];
function stranger() {
  const child = startChild(["/bin/sleep", "1000"], { env: {}, detached: true });
  strangers.push(child);
  return child;
}

beforeEach(async () => {
  world = await processWorld();
  runtime = world.open();
});
afterEach(async () => {
  for (const child of strangers.splice(0)) child.kill("SIGKILL");
  await runtime.close();
  await world.close();
});

const sh = (script: string) => ["/bin/sh", "-c", script];
const instance = (script: string) => instanceSpec(world.artifact, sh(script));
const own = (name: string, ...rest: string[]) => join(world.directory, name, "own", ...rest);
const supervisorOf = (name: string) => Number(readFileSync(own(name, "claim"), "utf8").split(" ")[0]);
const observed = async (name: string) =>
  (await runtime.observe(runtimeKey)).instances.find((each) => each.name === name);

/** No variables, as a supervisor reads them. */
function variables(): number {
  const file = join(world.root, "variables");
  writeFileSync(file, assignments({}));
  return openSync(file, "r");
}

async function started(script: string): Promise<string> {
  const spec = instance(`echo up; ${script}`);
  await runtime.start(spec);
  await until(async () => (await outputOf(runtime, spec.name)) !== "");
  return spec.name;
}

describe("deaths", () => {
  test("a keeper that was killed leaves an exit `lost` within a second, and nothing of its group", async () => {
    const name = await started("sleep 1000 & sleep 1000");
    const told = new Promise((resolve) => runtime.changes((change) => change.what === "state" && resolve(change.name)));
    process.kill(supervisorOf(name), "SIGKILL");
    expect(await told).toBe(name);
    expect((await observed(name))?.exit).toMatchObject({ code: null, signal: null, reason: "lost" });
    await until(() => world.processes().length === 0);
  });

  test("a keeper killed while no controller was there: the next one says `lost`, for good, and ends the rest", async () => {
    const name = await started("sleep 1000 & sleep 1000");
    await runtime.close();
    process.kill(supervisorOf(name), "SIGKILL");
    await until(() => statOf(supervisorOf(name)) === null);
    expect(world.processes().length).toBeGreaterThan(0);
    runtime = world.open();
    const { exit } = (await observed(name)) ?? {};
    expect(exit?.reason).toBe("lost");
    await until(() => world.processes().length === 0);
    await runtime.close();
    runtime = world.open();
    expect((await observed(name))?.exit).toEqual(exit);
  });

  test("a keeper adopted from an earlier controller and then killed is noticed by looking", async () => {
    const name = await started("exec sleep 1000");
    await runtime.close();
    runtime = world.open();
    const told = new Promise((resolve) => runtime.changes((change) => change.what === "state" && resolve(change.name)));
    process.kill(supervisorOf(name), "SIGKILL");
    expect(await told).toBe(name);
    expect((await observed(name))?.exit?.reason).toBe("lost");
  });

  test("an adopted instance's end is told by its record, without looking", async () => {
    await world.close();
    world = await processWorld({ clock: { now: () => Date.now(), after: () => () => undefined } });
    runtime = world.open();
    const name = await started("exec sleep 1000");
    await runtime.close();
    runtime = world.open();
    const told = new Promise((resolve) => runtime.changes((change) => change.what === "state" && resolve(change.name)));
    process.kill(-supervisorOf(name), "SIGTERM");
    expect(await told).toBe(name);
  });

  test("a command that was killed by somebody else is `signalled`", async () => {
    const name = await started("exec sleep 1000");
    const command = world.processes().find((pid) => pid !== supervisorOf(name));
    process.kill(command ?? 0, "SIGKILL");
    expect(await exited(runtime, name)).toMatchObject({ signal: "SIGKILL", reason: "signalled" });
    expect((await observed(name))?.killedAt).toBeNull();
  });

  test("what a shell in front started gets the stop signal and its time, though the shell dies at once", async () => {
    const child = `trap "sleep 0.5; echo done; exit 0" TERM; echo ready; while :; do sleep 0.02; done`;
    const name = await started(`sh -c '${child}'; echo never`);
    await until(async () => (await outputOf(runtime, name)) === "up\nready\n");
    await runtime.signal(name, "SIGTERM");
    expect(await exited(runtime, name)).toMatchObject({ signal: "SIGTERM", reason: "signalled" });
    expect(await outputOf(runtime, name)).toBe("up\nready\ndone\n");
  });

  test("being told again takes none of that time away", async () => {
    const child = `trap "trap : TERM; sleep 0.5; echo done; exit 0" TERM; echo ready; while :; do sleep 0.02; done`;
    const name = await started(`sh -c '${child}'; echo never`);
    await until(async () => (await outputOf(runtime, name)) === "up\nready\n");
    await until(async () => {
      await runtime.signal(name, "SIGTERM");
      return (await observed(name))?.exit;
    });
    expect(await outputOf(runtime, name)).toBe("up\nready\ndone\n");
  });

  test("children of one that dies of the stop signal although it seems to handle it are told after it", async () => {
    const child = `trap "echo told; exit 0" TERM; echo ready; while :; do sleep 0.02; done`;
    const program = `require("node:child_process").spawn("sh", ["-c", process.argv[1]], { stdio: "inherit" })`;
    const name = await started(`exec "${process.execPath}" -e '${program}' '${child}'`);
    await until(async () => (await outputOf(runtime, name)) === "up\nready\n");
    await runtime.signal(name, "SIGTERM");
    expect(await exited(runtime, name)).toMatchObject({ signal: "SIGTERM", reason: "signalled" });
    expect(await outputOf(runtime, name)).toBe("up\nready\ntold\n");
  });

  test("grandchildren get the stop signal too", async () => {
    const name = await started("sh -c 'sleep 1000 & sleep 1000' & wait");
    await runtime.signal(name, "SIGTERM");
    await exited(runtime, name);
    await until(() => world.processes().length === 0);
  });

  test("what a command leaves behind in its group ends with it, also without a controller", async () => {
    const task = taskSpec(world.artifact, sh("(trap '' TERM HUP; sleep 1000) & exit 0"));
    await runtime.startTask(task);
    await runtime.close();
    await until(() => world.processes().length === 0);
    runtime = world.open();
    expect(await exited(runtime, task.name)).toMatchObject({ code: 0 });
  });
});

const nothingOfItsOwn = { mounts: false, namespaced: false, placed: false };

describe("identity", () => {
  test.each([
    ["start time", (pid: number) => `${pid} 12345 ${bootId()}\n`],
    ["boot", (pid: number) => `${pid} ${statOf(pid)?.ticks} 00000000-0000-0000-0000-000000000000\n`],
  ])("a process of the same number but another %s is neither adopted nor signalled", async (_what, claim) => {
    const name = await started("sleep 1000");
    await runtime.close();
    const supervisor = supervisorOf(name);
    process.kill(-supervisor, "SIGKILL");
    const child = stranger();
    await once(child, "spawn");
    writeFileSync(join(world.directory, name, "claim"), claim(child.pid ?? 0));
    runtime = world.open();
    await runtime.signal(name, "SIGKILL");
    expect((await observed(name))?.exit?.reason).toBe("lost");
    expect(await runtime.usage(name)).toBeNull();
    expect(statOf(child.pid ?? 0)?.state).not.toBe("Z");
    child.kill("SIGTERM");
    expect((await once(child, "exit"))[1]).toBe("SIGTERM");
  });

  test("a claim that was cut off, or that names everybody, is never signalled", async () => {
    for (const claim of ["", "1 0 -\n", "0 1 a\n", "-1 1 a\n", `${process.pid}`]) {
      const name = await started("exit 0");
      await exited(runtime, name);
      await runtime.close();
      writeFileSync(own(name, "claim"), claim);
      rmSync(join(world.directory, name, "claim"));
      rmSync(join(world.directory, "exits", name));
      runtime = world.open();
      await runtime.signal(name, "SIGTERM");
      expect((await exited(runtime, name)).reason).toBe("lost");
    }
  });

  test("of two keepers of one start, one begins the command", async () => {
    const spec = taskSpec(world.artifact, sh("echo once; sleep 0.1"));
    await runtime.keys();
    const folder = new ProcessFolder(world.directory, () => undefined);
    await folder.create(
      { kind: "task", spec, port: null, tcp: [], user: null, ...nothingOfItsOwn, oomKills: 0 },
      world.artifact,
    );
    const { out, err, exit } = folder.openFor(spec.name);
    const command = ["/bin/sh", folder.supervisor, folder.path(spec.name), world.artifact, ...spec.command] as const;
    const keep = () =>
      startChild(command, { env: {}, stdio: ["ignore", out, err, exit, "pipe", variables()], detached: true });
    await Promise.all([keep(), keep(), keep()].map((supervisor) => once(supervisor, "exit")));
    expect(readFileSync(join(world.directory, spec.name, "out.log"), "utf8")).toBe("once\n");
    expect(readFileSync(join(world.directory, spec.name, "err.log"), "utf8")).toBe("");
  });

  test("a start that a dead controller did not get to is cleared, and its late keeper does nothing", async () => {
    const spec = taskSpec(world.artifact, sh("echo never"));
    await runtime.keys();
    const folder = new ProcessFolder(world.directory, () => undefined);
    await folder.create(
      { kind: "task", spec, port: null, tcp: [], user: null, ...nothingOfItsOwn, oomKills: 0 },
      world.artifact,
    );
    const { out, err, exit } = folder.openFor(spec.name);
    await runtime.close();
    runtime = world.open();
    expect(await runtime.keys()).toEqual([]);
    const command = ["/bin/sh", folder.supervisor, folder.path(spec.name), world.artifact, ...spec.command] as const;
    const stdio = ["ignore", out, err, exit, "pipe", variables()] as const;
    await once(startChild(command, { env: {}, stdio, detached: true }), "exit");
    await runtime.startTask(spec);
    await exited(runtime, spec.name);
    expect(await outputOf(runtime, spec.name)).toBe("never\n");
  });

  test("directories that are not the runtime's are ignored and left alone", async () => {
    const foreign = { "spec.json": "{", other: "x" };
    for (const [file, text] of Object.entries(foreign)) {
      mkdirSync(join(world.directory, `my-${file}`), { recursive: true });
      writeFileSync(join(world.directory, `my-${file}`, file), text);
    }
    expect(await runtime.keys()).toEqual([]);
    await runtime.signal("my-other", "SIGKILL");
    await runtime.remove("my-other");
    expect(readFileSync(join(world.directory, "my-other", "other"), "utf8")).toBe("x");
    expect(existsSync(join(world.directory, "my-spec.json"))).toBe(true);
  });
});

describe("ports", () => {
  const portOf = async (name: string) => (await observed(name))?.address?.port ?? 0;
  const ported = () => instanceSpec(world.artifact, sh("sleep 1000"), { port: 8000 });

  test("20 starts at once get 20 ports, and none that somebody else listens on", async () => {
    const occupied = createServer().listen(world.ports.from + 3, "0.0.0.0");
    await once(occupied, "listening");
    const specs = Array.from({ length: 20 }, ported);
    await Promise.all(specs.map((spec) => runtime.start(spec)));
    const ports = await Promise.all(specs.map((spec) => portOf(spec.name)));
    expect(new Set(ports).size).toBe(20);
    expect(ports).not.toContain(world.ports.from + 3);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(world.ports.from);
    expect(Math.max(...ports)).toBeLessThanOrEqual(world.ports.to);
    occupied.close();
  });

  test("a port that became free is not the next one given, also by the next controller", async () => {
    const [first, second] = [ported(), ported()];
    await runtime.start(first);
    const port = await portOf(first.name);
    await runtime.signal(first.name, "SIGKILL");
    await exited(runtime, first.name);
    await runtime.close();
    runtime = world.open();
    await runtime.start(second);
    const { from, to } = world.ports;
    expect(await portOf(second.name)).toBe(port === to ? from : port + 1);
  });

  test("when all are taken, that is the fault", async () => {
    await world.close();
    world = await processWorld({ ports: { from: world.ports.from, to: world.ports.from + 1 } });
    runtime = world.open();
    const starts = await Promise.allSettled([ported(), ported(), ported()].map((spec) => runtime.start(spec)));
    const failed = starts.filter((start) => start.status === "rejected");
    expect(failed.map((start) => start.reason.code)).toEqual(["runtime.ports-exhausted"]);
    const { instances } = await runtime.observe(runtimeKey);
    expect(new Set(instances.map((each) => each.address?.port)).size).toBe(2);
    await expect(runtime.start(ported())).rejects.toMatchObject({ code: "runtime.ports-exhausted" });
  });
});

test("what was ended by a signal has only its own words in its output", async () => {
  const name = await started("echo own >&2; exec sleep 1000");
  await until(async () => (await outputOf(runtime, name, "stderr")) !== "");
  await runtime.signal(name, "SIGTERM");
  await until(async () => (await observed(name))?.exit?.signal === "SIGTERM");
  expect(await outputOf(runtime, name, "stderr")).toBe("own\n");
});

test("the disk space of released output is given back", async () => {
  const spec = taskSpec(world.artifact, sh("head -c 9000000 /dev/urandom"));
  await runtime.startTask(spec);
  await exited(runtime, spec.name);
  const file = join(world.directory, spec.name, "out.log");
  const blocks = statSync(file).blocks;
  await runtime.releaseOutput(spec.name, "stdout", 9_000_000);
  expect(statSync(file).blocks).toBeLessThan(blocks / 4);
  expect(statSync(file).size).toBe(9_000_000);
});

test("what it was started with is in no file: neither written down nor in a core dump", async () => {
  const spec = taskSpec(world.artifact, sh("ulimit -Sc; ulimit -Hc"), { env: { SECRET: "canary-value" } });
  await runtime.startTask(spec);
  await exited(runtime, spec.name);
  expect(await outputOf(runtime, spec.name)).toBe("0\n0\n");
  expect(readFileSync(join(world.directory, spec.name, "spec.json"), "utf8")).not.toContain("canary-value");
});

describe.runIf(process.getuid?.() === 0)("as another user", () => {
  const userOf = async () => ({ uid: 65_534, gid: 65_534 });

  beforeEach(async () => {
    await world.close();
    world = await processWorld({ userOf });
    runtime = world.open();
    for (const path of [world.root, world.artifact]) expect(statSync(path).uid).toBe(0);
    chmodSync(world.root, 0o755);
  });

  test("it has that user's rights, home and a place of its own, and cannot read what it was started with", async () => {
    const script = `id -u; id -g; id -G; echo "$HOME"; touch "$TMPDIR/x" && echo wrote; cat ${world.directory}/*/spec.json; ls ${world.directory}/exits`;
    const spec = taskSpec(world.artifact, sh(script), { env: { SECRET: "canary" } });
    await runtime.startTask(spec);
    await exited(runtime, spec.name);
    const home = join(world.directory, spec.name, "home");
    expect(await outputOf(runtime, spec.name)).toBe(`65534\n65534\n65534\n${home}\nwrote\n`);
    expect(await outputOf(runtime, spec.name, "stderr")).toMatch(/spec\.json.*denied|spec\.json.*No such/);
  });

  test("its claim is read before it can change it; had it not been, it leads to no process of another user, and a pipe blocks nothing", async () => {
    const child = stranger();
    await once(child, "spawn");
    const forged = `${child.pid} ${statOf(child.pid ?? 0)?.ticks} ${bootId()}`;
    const one = instance(`printf '%s\\n' '${forged}' > "$HOME/../own/claim"; echo up; sleep 1000`);
    const two = instance(`rm "$HOME/../own/claim"; mkfifo "$HOME/../own/claim"; echo up; sleep 1000`);
    for (const spec of [one, two]) {
      await runtime.start(spec);
      await until(async () => (await outputOf(runtime, spec.name)) !== "");
    }
    await runtime.close();
    runtime = world.open();
    expect((await observed(one.name))?.exit).toBeNull();
    const before = world.processes();
    await runtime.close();
    for (const { name } of [one, two]) rmSync(join(world.directory, name, "claim"));
    runtime = world.open();
    for (const { name } of [one, two]) {
      await runtime.signal(name, "SIGKILL");
      expect((await exited(runtime, name)).reason).toBe("lost");
    }
    child.kill("SIGTERM");
    expect((await once(child, "exit"))[1]).toBe("SIGTERM");
    for (const pid of before) process.kill(pid, "SIGKILL");
  });
});
