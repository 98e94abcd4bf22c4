import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EnvKey } from "../../model/environment.ts";
import { type Exit, type InstanceSpec, instanceName, type TaskSpec } from "../../model/instance.ts";
import { unconfined } from "../../model/release.ts";
import type { OutputStream, Runtime, RuntimeChange } from "../../ports/runtime.ts";
import { checkInside } from "./runtime-inside.ts";

/** A place where a runtime can be tried out. */
export interface RuntimeWorld {
  /** A runtime on this place; opening a second one is what a restarted controller does. */
  open(): Runtime;
  /** An artifact in which `sh` and `node` can be run. */
  readonly artifact: string;
  readonly node: string;
  /** Names of variables that a process has beside those it was given. */
  readonly extraVariables: readonly string[];
  /** Ends everything, and fails when a process was left behind that the runtime did not show. */
  close(): Promise<void>;
}

export const runtimeKey: EnvKey = { app: "kairo", environment: "production" };

/** Looks until `see` gives something, at most `withinMs`. */
export async function until<T>(see: () => Promise<T | null | undefined | false> | T, withinMs = 180_000): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await pause(20)) {
    const seen = await see();
    if (seen) return seen;
    if (Date.now() > deadline) expect.fail(`not seen within ${withinMs} ms: ${see}`);
  }
}

/** Names differ between test files too: on an engine they meet. */
const run = randomBytes(4).toString("hex");
let serial = 0;

export function instanceSpec(
  artifact: string,
  command: readonly string[],
  more: Partial<InstanceSpec> = {},
): InstanceSpec {
  serial += 1;
  const identity = {
    kind: "service",
    key: runtimeKey,
    service: "web",
    release: 3,
    deployment: `dep_${run}${serial}`,
    ordinal: 0,
    attempt: 0,
  } as const;
  const name = instanceName(identity);
  return {
    name,
    identity,
    artifact,
    command,
    env: {},
    port: null,
    neighbours: [],
    volumes: [],
    tcpPorts: [],
    ...unconfined,
    ...more,
  };
}

export function taskSpec(artifact: string, command: readonly string[], more: Partial<TaskSpec> = {}): TaskSpec {
  serial += 1;
  const about = {
    key: runtimeKey,
    purpose: "run",
    service: "web",
    release: 3,
    deployment: null,
    env: {},
    neighbours: [],
    ...unconfined,
  } as const;
  return { name: `run-${run}-${serial}`, ...about, artifact, command, ...more };
}

/** All of one output stream. */
export async function outputOf(runtime: Runtime, name: string, stream: OutputStream = "stdout"): Promise<string> {
  return Buffer.from((await runtime.readOutput(name, { stream, offset: 0, limit: 1024 * 1024 })).bytes).toString();
}

async function find(runtime: Runtime, name: string) {
  const { instances, tasks } = await runtime.observe(runtimeKey);
  return [...instances, ...tasks].find((each) => each.name === name);
}

/** The exit of an instance or task, as soon as it has one. */
export async function exited(runtime: Runtime, name: string): Promise<Exit> {
  return until(async () => (await find(runtime, name))?.exit ?? null);
}

/** Writes four files beside its code, of which the runtime lists `writtenFiles`. */
export const writingScript =
  "mkdir -p data/deep .cache; touch data/deep/app.db .cache/page web.log \"$(printf 'a\\033b')\"; echo up; sleep 1000";
export const writtenFiles = ["a\u001bb", "data/deep/app.db"];

/** What every runtime must do, tried with real processes. */
export function runtimeConformance(adapter: string, make: () => Promise<RuntimeWorld>): void {
  describe(`runtime ${adapter}`, () => {
    let world: RuntimeWorld;
    let runtime: Runtime;
    const sh = (script: string) => ["/bin/sh", "-c", script];
    const instance = (script: string, more?: Partial<InstanceSpec>) => instanceSpec(world.artifact, sh(script), more);
    const task = (script: string, more?: Partial<TaskSpec>) => taskSpec(world.artifact, sh(script), more);
    const running = (name: string) => until(async () => (await outputOf(runtime, name)).includes("up"));

    beforeEach(async () => {
      world = await make();
      runtime = world.open();
    });
    afterEach(async () => {
      await runtime.close();
      await world.close();
    });

    test("a started instance is seen with its identity, and another environment does not see it", async () => {
      const spec = instance("echo up; sleep 600");
      const before = Date.now();
      await runtime.start(spec);
      const { instances } = await runtime.observe(runtimeKey);
      expect(instances).toHaveLength(1);
      expect(instances[0]).toMatchObject({ name: spec.name, identity: spec.identity, exit: null, address: null });
      // The system may count in whole seconds.
      expect(instances[0]?.startedAt).toBeGreaterThanOrEqual(before - 1_000);
      expect(instances[0]?.startedAt).toBeLessThanOrEqual(Date.now() + 1_000);
      expect(await runtime.observe({ ...runtimeKey, environment: "staging" })).toMatchObject({
        instances: [],
        tasks: [],
      });
      expect(await runtime.keys()).toEqual([runtimeKey]);
    });

    test("an instance with a port answers at its address, which it is told by PORT", async () => {
      const script = `require("http").createServer((q, a) => a.end("hello")).listen(process.env.PORT, process.env.HOST)`;
      await runtime.start(instanceSpec(world.artifact, [world.node, "-e", script], { port: 8000 }));
      const address = (await runtime.observe(runtimeKey)).instances[0]?.address;
      const ask = () =>
        fetch(`http://${address?.host}:${address?.port}/`).then(
          (answer) => answer.text(),
          () => null,
        );
      expect(await until(ask)).toBe("hello");
    });

    test("an internal service has an own host that neighbours find at a door of this machine, whose callers they are", () =>
      checkInside(runtime, runtimeKey, (script, host) =>
        taskSpec(world.artifact, [world.node, "-e", script], { neighbours: [host] }),
      ));

    test("starting twice, also at the same time, starts once", async () => {
      const spec = instance("echo up; sleep 600");
      await Promise.all([runtime.start(spec), runtime.start(spec)]);
      await runtime.start(spec);
      await running(spec.name);
      expect(await outputOf(runtime, spec.name)).toBe("up\n");
      expect((await runtime.usage(spec.name))?.processes ?? 2).toBeLessThanOrEqual(2);
    });

    test("a task that ended is not begun again by the same name", async () => {
      const spec = task("echo once");
      await runtime.startTask(spec);
      await exited(runtime, spec.name);
      await runtime.startTask(spec);
      const next = world.open();
      await next.startTask(spec);
      expect(await outputOf(next, spec.name)).toBe("once\n");
      await next.close();
    });

    test.each([
      ["exit 0", { code: 0, signal: null, reason: "exited" }],
      ["exit 1", { code: 1, signal: null, reason: "exited" }],
      ["exit 42", { code: 42, signal: null, reason: "exited" }],
      ["kill -TERM $$", { code: null, signal: "SIGTERM", reason: "signalled" }],
      ["kill -KILL $$", { code: null, signal: "SIGKILL", reason: "signalled" }],
    ])("a task that does `%s` is seen to have ended so", async (script, expected) => {
      const spec = task(script);
      const before = Date.now();
      await runtime.startTask(spec);
      const exit = await exited(runtime, spec.name);
      expect(exit).toMatchObject(expected);
      expect(exit.at).toBeGreaterThanOrEqual(before - 1_000);
      expect(exit.at).toBeLessThanOrEqual(Date.now() + 1_000);
      expect((await find(runtime, spec.name)) as object).toMatchObject({ spec });
    });

    test("a program that is not there shows as an exit and not as an error", async () => {
      const spec = instanceSpec(world.artifact, ["no-such-program", "--flag"]);
      await runtime.start(spec);
      expect((await exited(runtime, spec.name)).reason).toBe("could-not-start");
    });

    test("a program that is not there can be told from the output", async () => {
      const spec = taskSpec(world.artifact, ["no-such-program"]);
      await runtime.startTask(spec);
      await exited(runtime, spec.name);
      expect(await outputOf(runtime, spec.name, "stderr")).toContain("no-such-program");
    });

    test("a name of the shell's own is looked for as a program and never run as a builtin", async () => {
      const spec = taskSpec(world.artifact, ["eval", "echo tricked"]);
      await runtime.startTask(spec);
      expect((await exited(runtime, spec.name)).reason).toBe("could-not-start");
      expect(await outputOf(runtime, spec.name)).toBe("");
    });

    test("arguments arrive as they are", async () => {
      const hostile = ["a b", `"'`, "$(id)", "`id`", "; exit 7", "", "\n", "中文 )(", "*", "--", "-e"];
      const script = "console.log(JSON.stringify(process.argv.slice(1)))";
      const spec = taskSpec(world.artifact, [world.node, "-e", script, "--", ...hostile]);
      await runtime.startTask(spec);
      expect((await exited(runtime, spec.name)).code).toBe(0);
      expect(JSON.parse(await outputOf(runtime, spec.name))).toEqual(hostile);
    });

    test("the environment is exactly what was given: values to the letter, absent names absent", async () => {
      const env = {
        QUOTES: `a"b'c\\d`,
        HAN: "中文",
        BRACKETS: ")(",
        LINES: "one\ntwo\n",
        DOLLAR: "$HOME `id`",
        EMPTY: "",
        UID: "7",
      };
      const script = "console.log(JSON.stringify(process.env))";
      const spec = taskSpec(world.artifact, [world.node, "-e", script], { env });
      await runtime.startTask(spec);
      await exited(runtime, spec.name);
      const seen = JSON.parse(await outputOf(runtime, spec.name)) as Record<string, string>;
      expect(seen).toMatchObject(env);
      const identity = [
        "FAIRLEAD_APP",
        "FAIRLEAD_ENVIRONMENT",
        "FAIRLEAD_SERVICE",
        "FAIRLEAD_RELEASE",
        "FAIRLEAD_INSTANCE",
      ];
      expect(seen).toMatchObject({ FAIRLEAD_APP: "kairo", FAIRLEAD_RELEASE: "v3", FAIRLEAD_INSTANCE: spec.name });
      expect(Object.keys(seen).sort()).toEqual([...Object.keys(env), ...identity, ...world.extraVariables].sort());
    });

    test("a first process that handles a stop signal gets it alone, and its answer is the exit", async () => {
      const spec = instance(
        `trap "echo parent; sleep 0.5; exit 3" TERM; sh -c 'trap "echo child; exit 0" TERM; echo up; while :; do sleep 0.02; done' & while :; do sleep 0.02; done`,
      );
      await runtime.start(spec);
      await running(spec.name);
      await runtime.signal(spec.name, "SIGTERM");
      expect(await exited(runtime, spec.name)).toMatchObject({ code: 3, reason: "exited" });
      expect((await outputOf(runtime, spec.name)).split("\n").sort()).toEqual(["", "parent", "up"]);
    });

    test("who ignores the stop signal is ended by SIGKILL, and both times are kept over a restart", async () => {
      const spec = instance("trap '' TERM; echo up; while :; do sleep 0.1; done");
      await runtime.start(spec);
      await running(spec.name);
      await runtime.signal(spec.name, "SIGTERM");
      expect((await find(runtime, spec.name))?.exit).toBeNull();
      await runtime.signal(spec.name, "SIGKILL");
      expect(await exited(runtime, spec.name)).toMatchObject({ code: null, signal: "SIGKILL", reason: "signalled" });
      const seen = (await runtime.observe(runtimeKey)).instances;
      expect(seen[0]?.stopSignalAt).toBeTypeOf("number");
      expect(seen[0]?.killedAt).toBeGreaterThanOrEqual(seen[0]?.stopSignalAt ?? Number.POSITIVE_INFINITY);
      const next = world.open();
      expect((await next.observe(runtimeKey)).instances).toEqual(seen);
      await next.close();
    });

    test("what was started is found by the next controller with the same identity, address and start time", async () => {
      const spec = instance("echo up; sleep 600", { port: 8000 });
      const job = task("sleep 600");
      await runtime.start(spec);
      await runtime.startTask(job);
      const before = await runtime.observe(runtimeKey);
      await runtime.close();
      runtime = world.open();
      expect(await runtime.observe(runtimeKey)).toEqual(before);
      // A signal that comes before the command is there may be lost: whoever starts it is deaf to it.
      await running(spec.name);
      await runtime.signal(spec.name, "SIGTERM");
      expect(await exited(runtime, spec.name)).toMatchObject({ signal: "SIGTERM" });
    });

    test("what ended while no controller was there is seen with its exit by the next one", async () => {
      const spec = task("sleep 0.1; echo late; exit 9");
      await runtime.startTask(spec);
      await runtime.close();
      runtime = world.open();
      expect(await exited(runtime, spec.name)).toMatchObject({ code: 9, reason: "exited" });
      expect(await outputOf(runtime, spec.name)).toBe("late\n");
    });

    test("remove refuses while it runs, forgets afterwards, and an unknown name is no error", async () => {
      const spec = instance("echo up; sleep 600");
      await runtime.start(spec);
      await expect(runtime.remove(spec.name)).rejects.toMatchObject({ code: "operation.failed" });
      await runtime.signal(spec.name, "SIGKILL");
      await exited(runtime, spec.name);
      await runtime.remove(spec.name);
      await runtime.remove(spec.name);
      await runtime.signal(spec.name, "SIGTERM");
      expect(await runtime.observe(runtimeKey)).toMatchObject({ instances: [], tasks: [] });
      expect(await runtime.keys()).toEqual([]);
      expect(await outputOf(runtime, spec.name)).toBe("");
    });

    test("output is read by position, also what was written while nobody read, and stays after the end", async () => {
      const spec = task("printf abc; printf xyz >&2; sleep 0.05; printf def");
      await runtime.startTask(spec);
      await exited(runtime, spec.name);
      const read = async (stream: OutputStream, offset: number, limit: number) =>
        Buffer.from((await runtime.readOutput(spec.name, { stream, offset, limit })).bytes).toString();
      expect(await read("stdout", 0, 2)).toBe("ab");
      expect(await read("stdout", 2, 100)).toBe("cdef");
      expect(await read("stdout", 6, 100)).toBe("");
      expect(await read("stdout", 600, 100)).toBe("");
      expect(await read("stderr", 0, 100)).toBe("xyz");
    });

    test("released output changes no position", async () => {
      const lines = 200_000;
      const spec = task(`yes fifty-characters-in-every-line-so-that-it-adds-up-abc | head -n ${lines}; echo end`);
      await runtime.startTask(spec);
      await exited(runtime, spec.name);
      const size = 54 * lines;
      await runtime.releaseOutput(spec.name, "stdout", size);
      expect(
        Buffer.from(
          (await runtime.readOutput(spec.name, { stream: "stdout", offset: size, limit: 100 })).bytes,
        ).toString(),
      ).toBe("end\n");
    });

    test("starts, output and ends are reported, and nothing after the listener went", async () => {
      const heard: RuntimeChange[] = [];
      const stop = runtime.changes((change) => heard.push(change));
      const spec = task("echo one; sleep 0.2; echo two");
      await runtime.startTask(spec);
      const told = (what: RuntimeChange["what"]) =>
        heard.filter((each) => each.what === what && each.name === spec.name);
      expect(told("state")).toHaveLength(1);
      await until(() => told("output").length > 0);
      await until(() => told("state").length > 1);
      expect((await find(runtime, spec.name))?.exit).not.toBeNull();
      expect(heard.every((change) => change.key.app === runtimeKey.app)).toBe(true);
      stop();
      const count = heard.length;
      const silent = task("echo more");
      await runtime.startTask(silent);
      await exited(runtime, silent.name);
      expect(heard).toHaveLength(count);
    });

    test("the end of something adopted is reported within a second", async () => {
      const spec = task("sleep 0.3");
      await runtime.startTask(spec);
      await runtime.close();
      runtime = world.open();
      const ended = new Promise((resolve) =>
        runtime.changes((change) => change.what === "state" && resolve(change.name)),
      );
      expect(await ended).toBe(spec.name);
      expect((await find(runtime, spec.name))?.exit?.code).toBe(0);
    });

    test("usage and listening tell of the processes of an instance, and of nothing when it is gone", async () => {
      const script = `require("net").createServer().listen(0, "127.0.0.1", function () { console.log("up", this.address().port) })`;
      const spec = instanceSpec(world.artifact, [world.node, "-e", script]);
      await runtime.start(spec);
      await running(spec.name);
      const port = Number((await outputOf(runtime, spec.name)).split(" ")[1]);
      expect(await runtime.listening(spec.name)).toEqual([port]);
      const usage = await runtime.usage(spec.name);
      expect(usage?.processes).toBeGreaterThanOrEqual(1);
      expect(usage?.memoryBytes).toBeGreaterThan(10 * 1024 * 1024);
      await runtime.signal(spec.name, "SIGKILL");
      await exited(runtime, spec.name);
      expect(await runtime.listening(spec.name)).toEqual([]);
      expect(await runtime.usage(spec.name)).toBeNull();
      expect(await runtime.usage("nobody")).toBeNull();
    });
  });
}
