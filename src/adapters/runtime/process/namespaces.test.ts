import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Runtime } from "../../../ports/runtime.ts";
import { exited, instanceSpec, outputOf, runtimeKey, taskSpec, until } from "../../../testing/conformance/runtime.ts";
import { namespacesLack } from "./confine.ts";
import { runningAsOthers } from "./others.ts";
import { processWorld } from "./world.ts";

let world: Awaited<ReturnType<typeof processWorld>>;
let runtime: Runtime;
const sh = (script: string) => ["/bin/sh", "-c", script];

async function ended(script: string, more: Parameters<typeof taskSpec>[2] = {}) {
  const spec = taskSpec(world.artifact, sh(script), more);
  await runtime.startTask(spec);
  const { at: _at, ...exit } = await exited(runtime, spec.name);
  return { exit, said: await outputOf(runtime, spec.name), errors: await outputOf(runtime, spec.name, "stderr") };
}

async function started(script: string): Promise<string> {
  const spec = instanceSpec(world.artifact, sh(script));
  await runtime.start(spec);
  await until(async () => (await outputOf(runtime, spec.name)) !== "");
  return spec.name;
}

const observed = async (name: string) =>
  (await runtime.observe(runtimeKey)).instances.find((each) => each.name === name);
const unspaced = () => [...runningAsOthers(world.directory, ({ namespaced }) => namespaced).values()];

/** What the machine that tests run on must allow. */
const lack = await namespacesLack(tmpdir());

describe.runIf(lack === null)("in namespaces of its own", () => {
  beforeEach(async () => {
    world = await processWorld({}, true);
    runtime = world.open();
  });
  afterEach(async () => {
    await runtime.close();
    await world.close();
  });

  test("it sees and ends no process but its own, has no rights, and of the closed directory only its own places", async () => {
    writeFileSync(join(world.root, "vault.key"), "secret");
    writeFileSync(join(world.artifact, "greeting"), "hello ");
    const other = await started("echo up; exec sleep 1000");
    const place = join(world.directory, other);
    const [supervisor = ""] = readFileSync(join(place, "claim"), "utf8").split(" ");
    const hidden = ["vault.key", "artifact/greeting", "run/exits", `run/${other}/out.log`, `run/${other}/home`];
    const { said } = await ended(
      `cat greeting; for d in . "$HOME" "$TMPDIR"; do echo x > "$d/mine" || echo no; done; umask
      grep -E "^(NoNewPrivs|Cap(Inh|Prm|Eff|Bnd|Amb)):" /proc/self/status | grep -v 0000000000000000 | tr "\\t" " "
      ls /proc | grep -c "^[0-9]"; tr "\\0" "\\n" </proc/1/environ | grep -c MARK; kill -0 ${supervisor} || echo gone
      cd ${world.root}; ls -d ${hidden.join(" ")} 2>&1 | grep -c "No such"; ls . || echo unlisted; touch run/new || echo unwritten
      unshare --user --map-root-user --mount sh -c "umount -l ${world.root}; umount -l $HOME; cat ${world.root}/vault.key"
      kill -9 -1; echo over`,
      { env: { MARK: "1" } },
    );
    // Four processes: the first one, the shell, and ls and grep.
    expect(said.split("\n")).toEqual([
      "hello 0022",
      "NoNewPrivs: 1",
      "4",
      "0",
      "gone",
      "5",
      "unlisted",
      "unwritten",
      "over",
      "",
    ]);
    expect((await observed(other))?.exit).toBeNull();
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(world.root);
  });

  test("a variable of the app does nothing to the programs that are started on the way, and arrives to the letter", async () => {
    const trap = join(world.root, "trap");
    mkdirSync(trap);
    for (const program of ["unshare", "mount", "mkdir", "setsid", "setpriv", "sh", "cat"]) {
      writeFileSync(join(trap, program), `#!/bin/sh\necho caught > ${world.root}/caught\n`, { mode: 0o755 });
    }
    const bytes = Array.from({ length: 0x2ff }, (_, code) => String.fromCodePoint(code + 1)).join("");
    const odd = `${bytes}'"\\$(id)\n_fl_whole=1\n}\n`;
    const env = { PATH: `${trap}:/usr/bin:/bin`, LD_PRELOAD: `${trap}/evil.so`, ODD: odd, LONG: "x".repeat(100_000) };
    const { said, errors } = await ended(
      `exec "${world.node}" -p "JSON.stringify([process.env.ODD, process.env.LONG.length])"`,
      {
        env,
      },
    );
    expect(JSON.parse(said)).toEqual([odd, 100_000]);
    expect(errors).toContain("evil.so");
    expect(errors).not.toMatch(/unshare|setpriv/);
    expect(existsSync(join(world.root, "caught"))).toBe(false);
  });

  test("it ends as it would without them", async () => {
    const scripts = [
      "exit 3",
      "kill -TERM $$",
      "kill -SEGV $$",
      "kill -KILL $$",
      "exit 143",
      "exec /nowhere",
      "exec /etc",
    ];
    scripts.push("(sleep 1000 &) & exit 5", "trap 'exit 6' HUP; kill -HUP 0", "sleep 1000 & kill -HUP $$");
    const inside = [];
    for (const script of scripts) inside.push((await ended(script)).exit);
    await runtime.close();
    runtime = world.reopen({ closed: null });
    for (const [index, script] of scripts.entries())
      expect([script, (await ended(script)).exit]).toEqual([script, inside[index]]);
  });

  test("told to stop, what a shell in front started has its time, and being told before it began is enough", async () => {
    const child = `trap "sleep 0.3; echo done; exit 0" TERM; echo ready; while :; do sleep 0.02; done`;
    const name = await started(`sh -c '${child}'; echo never`);
    await runtime.signal(name, "SIGTERM");
    expect(await exited(runtime, name)).toMatchObject({ signal: "SIGTERM", reason: "signalled" });
    expect(await outputOf(runtime, name)).toBe("ready\ndone\n");
    for (let tries = 0; tries < 3; tries += 1) {
      const early = instanceSpec(world.artifact, sh("exec sleep 1000"));
      await runtime.start(early);
      await runtime.signal(early.name, "SIGTERM");
      expect(await exited(runtime, early.name)).toMatchObject({ signal: "SIGTERM", reason: "signalled" });
    }
  });

  test("what leaves its session counts for its ports and ends with it, and so it does when its supervisor is killed", async () => {
    const program = `require("node:net").createServer().listen(0, function () { console.log(this.address().port) })`;
    const start = () => started(`setsid "${world.node}" -e '${program}' & exec sleep 1000`);
    const [one, two] = [await start(), await start()];
    const port = Number(await outputOf(runtime, one));
    expect(await runtime.listening(one)).toEqual([port]);
    await runtime.signal(one, "SIGKILL");
    expect(await exited(runtime, one)).toMatchObject({ signal: "SIGKILL" });
    process.kill(Number(readFileSync(join(world.directory, two, "claim"), "utf8").split(" ")[0]), "SIGKILL");
    expect(await exited(runtime, two)).toMatchObject({ reason: "lost" });
    await until(() => world.processes().length === 0);
  });

  test("a build works where it is told, with the home of whoever runs the controller", async () => {
    const [staged, home] = [join(world.root, "staged"), join(world.root, "home")];
    for (const each of [staged, home]) mkdirSync(each);
    writeFileSync(join(world.root, "vault.key"), "secret");
    const script = `pwd; echo $HOME; touch made "$HOME/kept"; ls -d ${world.root}/vault.key ${world.artifact}`;
    const build = { purpose: "build", artifact: staged } as const;
    for (const [HOME, seen] of [
      [home, home],
      [world.root, "/home"],
    ] as const) {
      await runtime.close();
      runtime = world.reopen({ baseEnv: { PATH: "/usr/bin:/bin", HOME } });
      const [cwd, at, ...words] = (await ended(script, build)).said.split("\n");
      expect([cwd, at, words]).toEqual([join(world.directory, "app"), expect.stringContaining(seen), [""]]);
    }
    expect([...readdirSync(staged), ...readdirSync(home)]).toEqual(["made", "kept"]);
  });

  test("what was started without them goes on and is counted, what is new has them, and so it is the other way", async () => {
    await runtime.close();
    runtime = world.reopen({ closed: null });
    const old = await started("echo up; exec sleep 1000");
    await runtime.close();
    // As a version wrote it that knew of no namespaces.
    const file = join(world.directory, old, "spec.json");
    const { namespaced, ...before } = JSON.parse(readFileSync(file, "utf8"));
    expect(namespaced).toBe(false);
    writeFileSync(file, JSON.stringify(before));
    runtime = world.open();
    expect((await observed(old))?.exit).toBeNull();
    const fresh = await started("echo up; exec sleep 1000");
    expect(unspaced()).toEqual([1]);
    await runtime.signal(old, "SIGTERM");
    expect(await exited(runtime, old)).toMatchObject({ signal: "SIGTERM" });
    expect(unspaced()).toEqual([]);
    await runtime.close();
    runtime = world.reopen({ closed: null });
    expect(await runtime.usage(fresh)).toMatchObject({ processes: 1 });
    await runtime.signal(fresh, "SIGTERM");
    expect(await exited(runtime, fresh)).toMatchObject({ signal: "SIGTERM" });
  });
});
