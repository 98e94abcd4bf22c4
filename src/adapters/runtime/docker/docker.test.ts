import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jsonLines } from "../../../host/engine-streams.ts";
import { installationLabel } from "../../../host/installation.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Runtime, RuntimeChange } from "../../../ports/runtime.ts";
import { exited, instanceSpec, outputOf, runtimeKey, taskSpec, until } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import type { Inspected } from "./container.ts";
import { identified } from "./labels.ts";
import { dockerRuntimeWorld } from "./world.ts";

const socket = testEngine();
const image = testImages.node;
const sh = (script: string) => ["/bin/sh", "-c", script];
const instance = (script: string, more = {}) => instanceSpec(image, sh(script), more);
const task = (script: string, more = {}) => taskSpec(image, sh(script), more);

let world: Awaited<ReturnType<typeof dockerRuntimeWorld>>;
let runtime: Runtime;
const cleanups: (() => Promise<unknown>)[] = [];

const find = async (name: string, key: EnvKey = runtimeKey) => {
  const { instances, tasks } = await runtime.observe(key);
  return [...instances, ...tasks].find((each) => each.name === name);
};
const up = (name: string) => until(async () => (await outputOf(runtime, name)).includes("up"));
interface Shown {
  readonly Image: string;
  readonly RestartCount: number;
  readonly NetworkSettings: { readonly Ports: object; readonly Networks: Readonly<Record<string, object>> };
}
/** What the engine itself says of a container. */
const seen = (name: string) => world.engine.json<Inspected & Shown>("GET", `/containers/${name}/json`);
const ask = (method: "POST" | "DELETE", path: string, query = {}) => world.engine.json(method, path, { query });

/** A container that is not the runtime's, gone after the test. */
async function foreign(name: string, labels = {}): Promise<void> {
  const body = { Image: testImages.debian, Cmd: ["sleep", "600"], Labels: labels };
  await world.engine.json("POST", "/containers/create", { query: { name }, body });
  cleanups.push(() => ask("DELETE", `/containers/${name}`, { force: true }));
  await ask("POST", `/containers/${name}/start`);
}

/** An image made of the usual one with some more instructions. */
async function imageWith(...changes: string[]): Promise<string> {
  const repo = `fl-docker-test-${randomBytes(4).toString("hex")}`;
  const body = { Image: testImages.debian, Cmd: ["true"] };
  const { Id } = await world.engine.json<{ Id: string }>("POST", "/containers/create", { body });
  cleanups.push(() => ask("DELETE", `/images/${repo}:x`, { force: true }));
  await world.engine.json("POST", "/commit", { query: { container: Id, repo, tag: "x", changes: changes.join("\n") } });
  await ask("DELETE", `/containers/${Id}`);
  return `${repo}:x`;
}

/** Where two texts begin to differ, with a little of both; a whole difference of megabytes helps nobody. */
function firstDifference(found: string, expected: string) {
  if (found === expected) return null;
  const at = [...expected].findIndex((character, i) => found[i] !== character);
  const from = at === -1 ? expected.length : at;
  const part = (text: string) => text.slice(Math.max(0, from - 20), from + 40);
  return { at: from, found: part(found), expected: part(expected), lengths: [found.length, expected.length] };
}

describe.skipIf(socket === null)(`containers (else: ${noEngine})`, () => {
  beforeEach(async () => {
    world = await dockerRuntimeWorld({ socket: socket ?? "", image });
    runtime = world.open();
  });
  afterEach(async () => {
    await runtime.close();
    await world.close();
    for (const clean of cleanups.splice(0)) await clean();
  });

  test("carry who they are in labels, and are given as little as they can live with", async () => {
    const limits = { memoryBytes: 64 * 1024 * 1024, cpus: 0.5, readOnly: true, env: { KEY: "canary-value" } };
    const script = "id -u; grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status; touch /x; touch /tmp/x && echo up";
    const spec = instance(`${script}; sleep 600`, { port: 8000, ...limits });
    await runtime.start(spec);
    await up(spec.name);
    const output = await outputOf(runtime, spec.name);
    expect(output).toMatch(/^1000\nCapEff:\s+0{16}\nCapBnd:\s+0{16}\nNoNewPrivs:\s+1\nup\n$/);
    const { HostConfig, Config, NetworkSettings } = await seen(spec.name);
    expect(HostConfig).toMatchObject({
      Memory: limits.memoryBytes,
      MemorySwap: limits.memoryBytes,
      NanoCpus: 5e8,
      PidsLimit: 512,
      Ulimits: [{ Name: "core", Soft: 0, Hard: 0 }],
      Init: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      ReadonlyRootfs: true,
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "json-file", Config: { "max-file": "3" } },
      Privileged: false,
    });
    expect(NetworkSettings).toMatchObject({ Ports: {} });
    const { Labels } = Config;
    const address = (await find(spec.name)) as { address: object };
    const about = { kind: "instance", name: spec.name, identity: spec.identity, artifact: image };
    expect(identified(spec.name, Labels)).toMatchObject({ about: { ...about, address: address.address } });
    expect(Labels[installationLabel]).toBe(world.installation);
    expect(JSON.stringify(Labels)).not.toContain("canary-value");
  });

  test("of tasks carry the task without its variables, and are never started by the engine", async () => {
    const spec = task("true", { env: { KEY: "canary-value" } });
    await runtime.startTask(spec);
    await exited(runtime, spec.name);
    const { Config, HostConfig } = await seen(spec.name);
    const { Labels } = Config;
    expect(identified(spec.name, Labels)).toMatchObject({ about: { kind: "task", spec: { ...spec, env: {} } } });
    expect(JSON.stringify(Labels)).not.toContain("canary-value");
    expect(HostConfig).toMatchObject({ RestartPolicy: { Name: "no" } });
  });

  test.each([
    ["USER 33:33", "33:33"],
    ["USER root", "1000:1000"],
    ["USER 0:0", "1000:1000"],
  ])("run as their image's user, but not as the superuser: %s runs as %s", async (user, expected) => {
    const artifact = await imageWith(user);
    const spec = taskSpec(artifact, sh("echo $(id -u):$(id -g)"));
    await runtime.startTask(spec);
    await exited(runtime, spec.name);
    expect(await outputOf(runtime, spec.name)).toBe(`${expected}\n`);
    await runtime.remove(spec.name);
  });

  test("without a command do what their image says, and with one keep its entry point", async () => {
    const artifact = await imageWith('ENTRYPOINT ["echo","entry"]', 'CMD ["image"]');
    const own = { ...instanceSpec(artifact, ["x"]), command: null };
    const given = instanceSpec(artifact, ["given"]);
    for (const spec of [own, given]) await runtime.start(spec);
    for (const spec of [own, given]) await exited(runtime, spec.name);
    expect(await outputOf(runtime, own.name)).toBe("entry image\n");
    expect(await outputOf(runtime, given.name)).toBe("entry given\n");
    for (const spec of [own, given]) await runtime.remove(spec.name);
  });

  test("of others are not seen, not signalled and not removed, also where their name is wanted", async () => {
    const spec = instance("echo up; sleep 600");
    const stranger = { ...instanceSpec(image, ["true"]), name: `fl-stranger-${randomBytes(4).toString("hex")}` };
    await foreign(spec.name);
    await foreign(stranger.name, { [installationLabel]: "another", "fairlead.kind": "instance" });
    await runtime.start(spec);
    expect(await find(spec.name)).toMatchObject({ exit: { reason: "could-not-start" } });
    expect(await outputOf(runtime, spec.name, "stderr")).toContain("already in use");
    for (const { name } of [spec, stranger]) {
      await runtime.signal(name, "SIGKILL");
      await runtime.remove(name);
      expect(await seen(name)).toMatchObject({ State: { Running: true } });
    }
    expect(await runtime.keys()).toEqual([]);
  });

  test("that run out of memory are told to have", async () => {
    const script = "const all = []; for (;;) all.push(Buffer.alloc(1e6, 1))";
    const spec = instanceSpec(image, ["node", "-e", script], { memoryBytes: 64 * 1024 * 1024 });
    await runtime.start(spec);
    expect(await exited(runtime, spec.name)).toMatchObject({ signal: "SIGKILL", reason: "out-of-memory" });
  });

  test("whose image vanished show so as an exit, say what makes it again, and leave nothing", async () => {
    const spec = instanceSpec(`sha256:${"a".repeat(64)}`, ["true"], { port: 80 });
    await runtime.start(spec);
    expect(await find(spec.name)).toMatchObject({ exit: { reason: "could-not-start" }, address: null });
    expect(await outputOf(runtime, spec.name, "stderr")).toMatch(/fairlead-artifact:a{64}; `fairlead deploy`/);
    await runtime.close();
    runtime = world.open();
    expect(await find(spec.name)).toMatchObject({ exit: { reason: "could-not-start" } });
    await runtime.remove(spec.name);
    expect(await runtime.keys()).toEqual([]);
  });

  test("that cannot be asked for show so as an exit too", async () => {
    const bad = [instanceSpec(image, ["echo", "a\0b"]), instanceSpec(image, ["true"], { memoryBytes: 1024 })];
    for (const spec of bad) {
      await runtime.start(spec);
      expect(await find(spec.name)).toMatchObject({ exit: { reason: "could-not-start" } });
      expect(await outputOf(runtime, spec.name, "stderr")).toMatch(/NUL character|memory limit/);
    }
  });

  /** A runtime that lets the engine start instances again as soon as they run. */
  const openTrusting = async () => {
    await runtime.close();
    runtime = world.open({ armedAfterMs: 0 });
  };
  const isArmed = async (name: string) => (await seen(name)).HostConfig.RestartPolicy.Name === "unless-stopped";

  test("that crash at once are not begun a second time", async () => {
    const specs = Array.from({ length: 5 }, (_, i) => instance(`echo up; exit ${i + 1}`));
    await Promise.all(specs.map((spec) => runtime.start(spec)));
    for (const [i, { name }] of specs.entries()) {
      expect(await exited(runtime, name)).toMatchObject({ code: i + 1, reason: "exited" });
      expect(await outputOf(runtime, name)).toBe("up\n");
      expect(await seen(name)).toMatchObject({ RestartCount: 0 });
    }
  });

  test("that crash later, while a controller is there, have ended with their first exit, and stay so", async () => {
    await openTrusting();
    const spec = instance("echo up; until test -e /tmp/now; do sleep 0.05; done; exit 7");
    await runtime.start(spec);
    await until(() => isArmed(spec.name));
    await world.execute(spec.name, ["touch", "/tmp/now"]);
    expect(await exited(runtime, spec.name)).toMatchObject({ code: 7, reason: "exited" });
    const { HostConfig, State } = await seen(spec.name);
    expect({ HostConfig, State }).toMatchObject({
      HostConfig: { RestartPolicy: { Name: "no" } },
      State: { Running: false, Restarting: false },
    });
  });

  test("that crash while no controller is there are started by the engine, and adopted with their address", async () => {
    await openTrusting();
    const crash = "until test -e /tmp/now; do sleep 0.05; done; touch /tmp/once; exit 1";
    const spec = instance(`echo up; test -e /tmp/once || { ${crash}; }; sleep 600`, { port: 8000 });
    await runtime.start(spec);
    await until(() => isArmed(spec.name));
    const before = (await find(spec.name)) as { address: object; startedAt: number };
    await runtime.close();
    await world.execute(spec.name, ["touch", "/tmp/now"]);
    await until(async () => (await seen(spec.name)).RestartCount > 0 && (await seen(spec.name)).State.Pid > 0);
    runtime = world.open();
    const after = (await find(spec.name)) as { startedAt: number };
    expect(after).toMatchObject({ exit: null, address: before.address });
    expect(after.startedAt).toBeGreaterThan(before.startedAt);
    expect(await until(async () => (await outputOf(runtime, spec.name)) === "up\nup\n")).toBe(true);
  });

  test("keep their address when they are stopped and started by hand while no controller is there", async () => {
    const spec = instance("echo up; sleep 600", { port: 8000 });
    await runtime.start(spec);
    await up(spec.name);
    const before = (await find(spec.name)) as { address: { host: string } };
    await runtime.close();
    await ask("POST", `/containers/${spec.name}/stop`, { t: 0 });
    await foreign(`fl-between-${randomBytes(4).toString("hex")}`);
    await ask("POST", `/containers/${spec.name}/start`);
    runtime = world.open();
    expect(await find(spec.name)).toMatchObject({ exit: null, address: before.address });
    const networks = Object.values((await seen(spec.name)).NetworkSettings.Networks);
    expect(JSON.stringify(networks)).toContain(`"IPAddress":"${before.address.host}"`);
    expect(await until(async () => (await outputOf(runtime, spec.name)) === "up\nup\n")).toBe(true);
  });

  test("that ended are ended for good: who starts one by hand does not bring it back", async () => {
    const spec = instance("echo up; sleep 600");
    await runtime.start(spec);
    await up(spec.name);
    await runtime.signal(spec.name, "SIGTERM");
    const exit = await exited(runtime, spec.name);
    await ask("POST", `/containers/${spec.name}/start`);
    runtime.changes(() => undefined);
    await until(async () => {
      await runtime.observe(runtimeKey);
      return !(await seen(spec.name)).State.Running;
    });
    expect((await find(spec.name))?.exit).toEqual(exit);
  });

  test.each([
    ["while a controller is there", true, /lost|signalled/],
    ["while none is there", false, /lost/],
  ])(
    "that somebody took away %s have ended, and are not begun again under the same name",
    async (_when, isThere, how) => {
      const spec = task("echo once; sleep 600");
      await runtime.startTask(spec);
      await until(async () => (await outputOf(runtime, spec.name)) !== "");
      if (!isThere) await runtime.close();
      await ask("DELETE", `/containers/${spec.name}`, { force: true });
      if (!isThere) runtime = world.open();
      expect((await exited(runtime, spec.name)).reason).toMatch(how);
      await runtime.close();
      runtime = world.open();
      await runtime.startTask(spec);
      expect(await outputOf(runtime, spec.name)).toBe("once\n");
      expect(await world.containers()).toEqual([]);
    },
  );

  test("find each other by service in their environment, whose network goes with the last of them", async () => {
    const web = instance("echo up; sleep 600", { port: 8000 });
    const asks = task("getent hosts web");
    await Promise.all([runtime.start(web), runtime.startTask(asks)]);
    const again = task("getent hosts web");
    await runtime.startTask(again);
    expect((await exited(runtime, again.name)).code).toBe(0);
    const { address } = (await find(web.name)) as { address: { host: string } };
    expect(await outputOf(runtime, again.name)).toContain(address.host);
    const networks = () =>
      world.engine.json<object[]>("GET", "/networks", {
        query: { filters: { label: [`${installationLabel}=${world.installation}`] } },
      });
    expect(await networks()).toHaveLength(1);
    await runtime.signal(web.name, "SIGKILL");
    for (const { name } of [web, asks, again]) {
      await exited(runtime, name);
      await runtime.remove(name);
    }
    expect(await networks()).toEqual([]);
  });

  test("get an address that was not somebody else's a moment ago", async () => {
    const hosts: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      const spec = instance("sleep 600", { port: 8000 });
      await runtime.start(spec);
      hosts.push(((await find(spec.name)) as { address: { host: string } }).address.host);
      await runtime.signal(spec.name, "SIGKILL");
      await exited(runtime, spec.name);
      await runtime.remove(spec.name);
      if (i === 0) await runtime.startTask(task("sleep 600"));
      if (i === 1) {
        await runtime.close();
        runtime = world.open();
      }
    }
    expect(new Set(hosts.slice(0, 2)).size).toBe(2);
  });

  test("that were made but never started by a controller that died are taken away", async () => {
    const spec = instance("sleep 600");
    await runtime.start(spec);
    const { Config, Image } = await seen(spec.name);
    const name = `${spec.name}-b`;
    const body = { Image, Cmd: ["sleep", "600"], Labels: Config.Labels };
    await world.engine.json("POST", "/containers/create", { query: { name }, body });
    await runtime.close();
    runtime = world.open();
    expect((await runtime.observe(runtimeKey)).instances.map((each) => each.name)).toEqual([spec.name]);
    expect(await world.containers()).toHaveLength(1);
  });

  test("lose no line of 200,000, in order and each stream for itself", async () => {
    const count = 200_000;
    const script = `for (let i = 0; i < ${count}; i++) (i % 10 ? process.stdout : process.stderr).write("line " + i + "\\n")`;
    const spec = instanceSpec(image, ["node", "-e", script]);
    await runtime.start(spec);
    await until(async () => (await find(spec.name))?.exit);
    const whole = async (stream: "stdout" | "stderr") =>
      Buffer.from((await runtime.readOutput(spec.name, { stream, offset: 0, limit: 1e8 })).bytes).toString();
    const expected = (isError: boolean) =>
      Array.from({ length: count }, (_, i) => i)
        .filter((i) => (i % 10 === 0) === isError)
        .map((i) => `line ${i}\n`)
        .join("");
    expect(firstDifference(await whole("stdout"), expected(false))).toBeNull();
    expect(firstDifference(await whole("stderr"), expected(true))).toBeNull();
  });

  test("lose no line over controllers that come and go, whether they close or die", async () => {
    const count = 3_000;
    const script = `let i = 0; const t = setInterval(() => { for (let n = 0; n < 10; n++) console.log("line " + i++); if (i >= ${count}) clearInterval(t) }, 5)`;
    const spec = instanceSpec(image, ["node", "-e", script]);
    await runtime.start(spec);
    const length = async () => (await outputOf(runtime, spec.name)).length;
    for (let i = 0; i < 4; i += 1) {
      const before = await length();
      await until(async () => (await length()) > before || (await find(spec.name))?.exit);
      await runtime.close();
      runtime = world.open();
      await runtime.keys();
    }
    await until(async () => (await find(spec.name))?.exit);
    const expected = Array.from({ length: count }, (_, i) => `line ${i}\n`).join("");
    expect(firstDifference(await outputOf(runtime, spec.name), expected)).toBeNull();
  });

  test("give their bytes exactly, also those that are no text", async () => {
    const script = "process.stdout.write(Buffer.from(Array.from({ length: 100000 }, (_, i) => (i * 7) % 256)))";
    const spec = taskSpec(image, ["node", "-e", script]);
    await runtime.startTask(spec);
    expect((await exited(runtime, spec.name)).code).toBe(0);
    const { bytes } = await runtime.readOutput(spec.name, { stream: "stdout", offset: 0, limit: 1e6 });
    const expected = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 256));
    expect(Buffer.compare(bytes, expected)).toBe(0);
  });

  test("tell the engine's events only of the installation's own", async () => {
    const heard: RuntimeChange[] = [];
    runtime.changes((change) => heard.push(change));
    await runtime.keys();
    const events = await world.engine.stream("GET", "/events", { query: { filters: { type: ["container"] } } });
    const name = `fl-foreign-${randomBytes(4).toString("hex")}`;
    await foreign(name, { [installationLabel]: "another" });
    for await (const event of jsonLines<{ Action: string; Actor: { Attributes: { name: string } } }>(events)) {
      if (event.Action === "start" && event.Actor.Attributes.name === name) break;
    }
    const spec = task("true");
    await runtime.startTask(spec);
    await exited(runtime, spec.name);
    expect(new Set(heard.map((change) => change.name))).toEqual(new Set([spec.name]));
  });
});
