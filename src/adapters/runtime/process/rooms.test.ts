import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeOwn } from "../../../host/tree.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import type { Runtime } from "../../../ports/runtime.ts";
import {
  exited,
  instanceSpec,
  outputOf,
  runtimeKey,
  taskSpec,
  until,
  writingScript,
  writtenFiles,
} from "../../../testing/conformance/runtime.ts";
import { runningAsOthers } from "./others.ts";
import { processWorld } from "./world.ts";

let world: Awaited<ReturnType<typeof processWorld>>;
let runtime: Runtime;
const sh = (script: string) => ["/bin/sh", "-c", script];
const staging: EnvKey = { ...runtimeKey, environment: "staging" };

afterEach(async () => {
  await runtime.close();
  await world.close();
});

/** What a script prints, run as a task of production. */
async function said(script: string, more: Parameters<typeof taskSpec>[2] = {}): Promise<string> {
  const spec = taskSpec(world.artifact, sh(script), more);
  await runtime.startTask(spec);
  await until(async () => (await runtime.observe(spec.key)).tasks.find(({ name }) => name === spec.name)?.exit);
  return (await outputOf(runtime, spec.name)) + (await outputOf(runtime, spec.name, "stderr"));
}

describe("whoever runs the controller", () => {
  beforeEach(async () => {
    world = await processWorld();
    runtime = world.open();
    writeFileSync(join(world.artifact, "greeting"), "hello");
  });

  test("what an instance writes beside its code is listed, but for caches and logs", async () => {
    const spec = instanceSpec(world.artifact, sh(writingScript));
    await runtime.start(spec);
    await until(async () => (await outputOf(runtime, spec.name)) !== "");
    expect(await runtime.written(spec.name)).toEqual(writtenFiles);
    expect(await runtime.written("nobody")).toEqual([]);
  });

  test("each has a home, a temporary and a working directory of its own, and what it writes there is gone with it", async () => {
    const script = `cat greeting; for d in . "$HOME" "$TMPDIR"; do ls "$d"; stat -c %a "$d"; echo x > "$d/mine"; done`;
    const [one, two] = [await said(script), await said(script)];
    expect(one).toBe("hellogreeting\n700\n700\n700\n");
    expect(two).toBe(one);
    expect(readdirSync(world.artifact)).toEqual(["greeting"]);
    const { tasks } = await runtime.observe(runtimeKey);
    for (const { name } of tasks) await runtime.remove(name);
    await runtime.close();
    const left = readdirSync(world.directory, { recursive: true }).map(String);
    expect(left.filter((path) => /mine|greeting/.test(path))).toEqual([]);
    runtime = world.open();
  });

  test("every byte of a variable arrives, and what cuts them off begins nothing", async () => {
    const bytes = Array.from({ length: 0x2ff }, (_, code) => String.fromCodePoint(code + 1)).join("");
    const value = `${bytes}'"\\$(id)\`id\`\n_fl_whole=1\n\n`;
    const spec = taskSpec(world.artifact, [world.node, "-p", "JSON.stringify(process.env.ODD)"], {
      env: { ODD: value },
    });
    await runtime.startTask(spec);
    await exited(runtime, spec.name);
    expect(JSON.parse(await outputOf(runtime, spec.name))).toBe(value);
  });

  test("removing a great many files returns at once", async () => {
    const spec = taskSpec(
      world.artifact,
      sh(`cd "$HOME"; for i in 1 2 3; do mkdir $i; (cd $i; seq 2000 | xargs touch); done`),
    );
    await runtime.startTask(spec);
    await exited(runtime, spec.name);
    const before = process.cpuUsage();
    await runtime.remove(spec.name);
    const { user, system } = process.cpuUsage(before);
    expect((await runtime.observe(runtimeKey)).tasks).toEqual([]);
    expect(user + system).toBeLessThan(50_000);
  });
});

describe.runIf(process.getuid?.() === 0)("a user for each environment", () => {
  const users: Record<string, number> = { production: 71_500, staging: 71_501 };
  const userOf = async ({ environment }: EnvKey) => {
    const uid = users[environment] ?? 0;
    return { uid, gid: uid };
  };

  beforeEach(async () => {
    world = await processWorld({ userOf });
    runtime = world.open();
    chmodSync(world.root, 0o711);
    mkdirSync(join(world.artifact, "lib"));
    writeFileSync(join(world.artifact, "lib", "greeting"), "hello");
  });

  test("it is nobody else, has no rights to gain any, and its places are its own", async () => {
    const script = `id -u; id -G; grep -E "^(NoNewPrivs|Cap(Inh|Prm|Eff|Bnd|Amb)):" /proc/self/status | tr -d "\\t"; stat -c "%u %a" . "$HOME" "$TMPDIR" lib/greeting`;
    expect((await said(script)).split("\n")).toEqual([
      ...["71500", "71500"],
      ...["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map((name) => `${name}:0000000000000000`),
      "NoNewPrivs:1",
      ...["71500 700", "71500 700", "71500 700", "71500 600", ""],
    ]);
  });

  test("its temporary directory is memory with a limit of bytes and of files, which is gone with its last process", async () => {
    expect(await said(`stat -f -c "%T" "$TMPDIR"; stat -f -c %c "$TMPDIR"`)).toBe("tmpfs\n65536\n");
    // Names of sockets have at most 107 bytes.
    expect(await said(`echo "$TMPDIR"`)).toBe(`${world.directory}/tmp\n`);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(world.root);
    const nest = `cd "$TMPDIR"; for i in 1 2 3 4; do mkdir -p $(printf "d/%.0s" $(seq 1500)); cd -P $(printf "d/%.0s" $(seq 1500)) 2>/dev/null; done; echo deep`;
    expect(await said(nest)).toBe("deep\n");
    const { tasks } = await runtime.observe(runtimeKey);
    for (const { name } of tasks) await runtime.remove(name);
    await runtime.close();
    expect(readdirSync(world.directory).filter((name) => !/^\.|^(?:exits|app|tmp)$/.test(name))).toEqual([]);
    expect(readdirSync(join(world.directory, ".aside"))).toEqual([]);
    runtime = world.open();
  });

  test("a variable of an app does nothing to the programs that root starts on the way", async () => {
    const trap = join(world.root, "trap");
    mkdirSync(trap);
    for (const program of ["setpriv", "mount", "unshare", "sh", "cat"]) {
      writeFileSync(join(trap, program), `#!/bin/sh\n/usr/bin/id -u > ${world.root}/caught\n`, { mode: 0o755 });
    }
    const env = {
      PATH: `${trap}:/usr/bin:/bin`,
      LD_PRELOAD: join(trap, "evil.so"),
      ENV: join(trap, "sh"),
      LD_DEBUG: "all",
    };
    const words = await said("exec /bin/true", { env });
    expect(words).toContain("evil.so");
    expect(words).not.toContain("setpriv");
    expect(existsSync(join(world.root, "caught"))).toBe(false);
  });

  test("root finds its programs also where the controller's own PATH does not lead to them", async () => {
    runtime = world.reopen({ userOf, baseEnv: { PATH: "/nonexistent" } });
    expect(await said("echo ${PATH##*:}; /usr/bin/id -u")).toBe("/bin\n71500\n");
  });

  test("nothing of an instance can be read, listed, written, watched or ended by another environment", async () => {
    const spec = instanceSpec(
      world.artifact,
      sh(`echo secret > "$HOME/f"; echo secret > "$TMPDIR/f"; echo up; sleep 1000`),
    );
    await runtime.start(spec);
    await until(async () => (await outputOf(runtime, spec.name)) !== "");
    const claim = readFileSync(join(world.directory, spec.name, "claim"), "utf8");
    const place = join(world.directory, spec.name);
    const attempts = [
      `ls ${place}`,
      `ls ${place}/own`,
      `cat ${place}/home/f`,
      `cat ${place}/tmp/f`,
      `cat ${place}/work/lib/greeting`,
      `cat ${place}/out.log`,
      `touch ${place}/work/new`,
      `ls ${world.directory}`,
      `cat /proc/${claim.split(" ")[0]}/environ`,
      `ls /proc/${claim.split(" ")[0]}/root/`,
      `kill -9 ${claim.split(" ")[0]}`,
      `kill -9 -${claim.split(" ")[0]}`,
    ];
    for (const attempt of attempts) {
      expect(await said(`${attempt} && echo done`, { key: staging }), attempt).not.toMatch(/secret|hello|done/);
    }
    await said("kill -9 -1", { key: staging });
    expect((await runtime.observe(runtimeKey)).instances[0]?.exit).toBeNull();
  });

  test("what an earlier version started as one user goes on, is signalled and removed as that; what is new is another", async () => {
    const old = { uid: 65_534, gid: 65_534 };
    await runtime.close();
    await world.close();
    world = await processWorld({ userOf: async () => old });
    chmodSync(world.root, 0o711);
    runtime = world.open();
    const spec = instanceSpec(world.artifact, sh(`echo up; sleep 1000`));
    await runtime.start(spec);
    await until(async () => (await outputOf(runtime, spec.name)) !== "");
    await runtime.close();
    const file = join(world.directory, spec.name, "spec.json");
    const { user, mounts, ...before } = JSON.parse(readFileSync(file, "utf8"));
    expect([user, mounts]).toEqual([old, true]);
    writeFileSync(file, JSON.stringify(before));
    runtime = world.reopen({ userOf });
    expect((await runtime.observe(runtimeKey)).instances).toMatchObject([{ name: spec.name, exit: null }]);
    const others = () => [...runningAsOthers(world.directory, ({ user }) => (user?.uid ?? 0) >= 71_500)];
    expect(others()).toEqual([[keyText(runtimeKey), 1]]);
    expect(await said("id -u")).toBe("71500\n");
    await runtime.signal(spec.name, "SIGTERM");
    expect((await exited(runtime, spec.name)).signal).toBe("SIGTERM");
    expect(others()).toEqual([]);
    await runtime.remove(spec.name);
    await runtime.close();
    expect(existsSync(join(world.directory, spec.name))).toBe(false);
    expect(readdirSync(join(world.directory, ".aside"))).toEqual([]);
    runtime = world.open();
  });

  test("builds of an environment find their home again, and work where they are told", async () => {
    const staged = join(world.root, "staged");
    mkdirSync(staged);
    chmodSync(staged, 0o777);
    const build = { purpose: "build", artifact: staged } as const;
    expect(await said(`pwd; echo kept > "$HOME/cache"; stat -f -c %T "$TMPDIR"`, build)).not.toContain("tmpfs");
    expect(await said(`cat "$HOME/cache"; stat -c %a "$HOME"`, build)).toBe("kept\n700\n");
    expect(await said(`cat "$HOME/cache"`, { ...build, key: staging })).not.toContain("kept");
    expect(statSync(staged).uid).toBe(0);
    runtime = world.reopen({ userOf, buildEnv: { HTTPS_PROXY: "http://proxy" } });
    expect([await said("echo $HTTPS_PROXY", build), await said("echo $HTTPS_PROXY")]).toEqual(["http://proxy\n", "\n"]);
    const { tasks } = await runtime.observe(runtimeKey);
    for (const { name } of tasks) await runtime.remove(name);
    expect(readdirSync(join(world.directory, ".homes"))).toEqual(["71501"]);
  });

  test("what forks for ever is refused more processes, and a neighbour starts", async () => {
    const limit = { userOf, mostProcesses: 40 };
    runtime = world.reopen(limit);
    const bomb = "(for i in $(seq 200); do sleep 1000 & done; echo all); exec sleep 1000";
    const spec = instanceSpec(world.artifact, sh(bomb));
    await runtime.start(spec);
    const soFar = async () => (await outputOf(runtime, spec.name)) + (await outputOf(runtime, spec.name, "stderr"));
    await until(async () => /fork|all/i.test(await soFar()));
    expect(await soFar()).toMatch(/cannot fork/i);
    expect((await runtime.usage(spec.name))?.processes).toBeLessThanOrEqual(40);
    expect(await said("id -u; ulimit -Hc; cat /proc/self/limits | grep processes", { key: staging })).toMatch(
      /^71501\n0\nMax processes +40 +40 /,
    );
  });

  test("below a directory that is closed to it, it sees what is its own and shared, at the same paths, and nothing else", async () => {
    const [shared, hidden] = [join(world.root, "lib", "shared"), join(world.root, "lib", "hidden")];
    for (const directory of [shared, hidden]) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, "file"), basename(directory));
    }
    chmodSync(world.root, 0o700);
    runtime = world.reopen({ userOf, closed: { directory: world.root, shared: [shared] } });
    const other = instanceSpec(world.artifact, sh("echo up; sleep 1000"));
    await runtime.start(other);
    await until(async () => (await outputOf(runtime, other.name)) !== "");
    // Nothing of these is closed to it, so that what it does not see is not there.
    for (const path of [world.directory, hidden, join(world.directory, other.name)]) chmodSync(path, 0o755);
    const places = [hidden, `${world.directory}/exits`, `${world.directory}/${other.name}`, world.artifact];
    const spec = taskSpec(
      world.artifact,
      sh(
        `cat lib/greeting ${shared}/file; echo; stat -f -c %T "$TMPDIR"; ls -d ${places.join(" ")} 2>&1 | grep -c 'No such'
        grep -o "${world.root}[^ ]*" /proc/self/mounts; touch ${world.root}/new ${world.directory}/new || echo refused`,
      ),
    );
    await runtime.startTask(spec);
    await exited(runtime, spec.name);
    const [supervisor = ""] = readdirSync(world.directory).filter((name) => name.startsWith(".keeper"));
    const seen = ["", `/run/${spec.name}`, `/run/${supervisor}`, "/lib/shared", "/run/app", "/run/tmp"];
    expect((await outputOf(runtime, spec.name)).trim().split("\n")).toEqual([
      ...["helloshared", "tmpfs", `${places.length}`],
      ...seen.map((path) => `${world.root}${path}`),
      "refused",
    ]);
    const staged = join(world.root, "staged");
    makeOwn(staged, await userOf(runtimeKey));
    expect(await said(`pwd; touch made "$HOME/kept"; stat -c %u made`, { purpose: "build", artifact: staged })).toBe(
      `${world.directory}/app\n71500\n`,
    );
    expect(existsSync(join(staged, "made"))).toBe(true);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(world.root);
  });
});
