import { lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ObservedTask } from "../../../model/instance.ts";
import type { Builder } from "../../../ports/builder.ts";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { exited, outputOf, runtimeKey } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "../../runtime/process/world.ts";
import { builderWorld } from "./world.ts";

/** What only a builder of directories does, beside what every builder does. */
describe("directories", () => {
  let world: ReturnType<typeof builderWorld>;
  let builder: Builder;
  const sh = (script: string) => ["/bin/sh", "-c", script];
  /** A build that begins so waits until it is told to go on. */
  const untilTold = "while [ ! -e go ]; do sleep 0.02; done";
  const notify = (task: ObservedTask | undefined) => writeFileSync(join(task?.spec.artifact ?? "", "go"), "");

  beforeEach(async () => {
    world = builderWorld(await processWorld(), { userOf: async () => null, clock: wallClock });
    builder = world.open();
  });
  afterEach(() => world.close());

  test("without a command the source is the artifact", async () => {
    const spec = artifactSpec(await admitFiles(builder, { "a/b": "deep" }), null);
    expect(await builder.observe(spec.digest)).toEqual({ state: "absent" });
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    expect(readFileSync(join(world.artifact(spec.digest), "a/b"), "utf8")).toBe("deep");
  });

  test("a command builds in a copy: it is seen under way, and the source stays as it was", async () => {
    const source = await admitFiles(builder, { a: "1" });
    const spec = artifactSpec(source, sh(`${untilTold}; echo 2 > a; mkdir out; echo made > out/b; echo log line`));
    await builder.build(spec, forWhom);
    await builder.build(spec, forWhom);
    expect(await builder.observe(spec.digest)).toMatchObject({ state: "building" });
    const { tasks } = await world.runtime.observe(runtimeKey);
    expect(tasks).toHaveLength(1);
    expect(tasks[0]?.spec).toMatchObject({ purpose: "build", release: 3, deployment: "dep_test" });
    expect(readdirSync(join(world.artifact(spec.digest), ".."))).toEqual([]);
    notify(tasks[0]);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    expect(readFileSync(join(world.artifact(spec.digest), "out/b"), "utf8")).toBe("made\n");
    for (const name of ["a", "out", "out/b"]) {
      expect(statSync(join(world.artifact(spec.digest), name)).mode & 0o222).toBe(0);
    }
    expect(Buffer.from((await builder.readSource(source, "a")) ?? "").toString()).toBe("1");
    expect(await outputOf(world.runtime, tasks[0]?.name ?? "")).toBe("log line\n");
    await builder.build(spec, forWhom);
    expect((await world.runtime.observe(runtimeKey)).tasks).toHaveLength(1);
  });

  test("a build that fails is told with its task, leaves no artifact, and is begun anew", async () => {
    const spec = artifactSpec(
      await admitFiles(builder, { a: "1" }),
      sh("[ ! -e a2 ] || exit 0; echo no >&2; touch a2; exit 3"),
    );
    await builder.build(spec, forWhom);
    const state = await builtOrNot(builder, spec.digest);
    expect(state).toMatchObject({ state: "failed", detail: expect.stringContaining("exited with 3") });
    const task = state.state === "failed" ? (state.task ?? "") : "";
    expect(await outputOf(world.runtime, task, "stderr")).toBe("no\n");
    expect(() => lstatSync(world.artifact(spec.digest))).toThrow("ENOENT");
    await builder.build(spec, forWhom);
    const again = await builtOrNot(builder, spec.digest);
    expect(again).toMatchObject({ state: "failed" });
    expect(again.state === "failed" && again.task).not.toBe(task);
  });

  test("a build whose program is missing fails in words", async () => {
    const spec = artifactSpec(await admitFiles(builder, { a: "1" }), ["no-such-tool", "install"]);
    await builder.build(spec, forWhom);
    const detail = "no-such-tool install could not be started: no such program in PATH";
    expect(await builtOrNot(builder, spec.digest)).toMatchObject({ state: "failed", detail });
  });

  test("a build goes on while no controller is there, and the next one finds it finished", async () => {
    const spec = artifactSpec(await admitFiles(builder, { a: "1" }), sh(`${untilTold}; echo done > b`));
    await builder.build(spec, forWhom);
    const [task] = (await world.runtime.observe(runtimeKey)).tasks;
    const next = world.open();
    expect((await next.observe(spec.digest)).state).toBe("building");
    notify(task);
    await exited(world.runtime, task?.name ?? "");
    const last = world.open();
    expect(await Promise.all([last.observe(spec.digest), last.observe(spec.digest)])).toEqual([
      { state: "built" },
      { state: "built" },
    ]);
    expect(readFileSync(join(world.artifact(spec.digest), "b"), "utf8")).toBe("done\n");
  });

  test("only the context is built", async () => {
    const source = await admitFiles(builder, { "apps/web/a": "web", "apps/api/a": "api" });
    const spec = artifactSpec(source, sh("cat a > b"), "apps/web");
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    expect(readdirSync(world.artifact(spec.digest)).sort()).toEqual(["a", "b"]);
  });
});
