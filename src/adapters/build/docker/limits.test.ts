import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import type { EnvKey } from "../../../model/environment.ts";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { outputOf, runtimeKey, until } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld } from "../../runtime/process/world.ts";
import type { DockerBuilder, DockerBuilderOptions } from "./builder.ts";
import { dockerBuildWorld } from "./world.ts";

const socket = testEngine();

describe.skipIf(socket === null)(`what a build may use (else: ${noEngine})`, () => {
  let world: ReturnType<typeof dockerBuildWorld>;
  let builder: DockerBuilder;
  afterEach(() => world.close());

  const begin = async (more: Partial<DockerBuilderOptions>) => {
    world = dockerBuildWorld(await processWorld(), {
      socket: socket ?? "",
      base: testImages.debian,
      clock: wallClock,
      more,
    });
    builder = world.open();
  };
  const specOf = async (script: string, files: Readonly<Record<string, string>> = {}) =>
    artifactSpec(await admitFiles(builder, world.told(files, script).files), null);
  const make = async (script: string, files: Readonly<Record<string, string>> = {}) => {
    const spec = await specOf(script, files);
    await builder.build(spec, forWhom);
    return builtOrNot(builder, spec.digest);
  };

  test("too little room on the engine's disk is said before anything is built, with both numbers", async () => {
    await begin({ room: { reserveBytes: 2 ** 50, floorBytes: 0 } });
    expect(await make("exit 3", { large: "x".repeat(3 * 1024 ** 2) })).toMatchObject({
      state: "failed",
      code: "build.no-room",
      detail: expect.stringMatching(
        /^the engine's disk has [\d.]+ GB left, a build of this context needs 1048576\.0 GB$/,
      ),
    });
  });

  test("a build that fills the disk is ended before it is full", async () => {
    await begin({ room: { reserveBytes: 0, floorBytes: 2 ** 50 } });
    expect(await make("sleep 1000.125")).toMatchObject({
      state: "failed",
      code: "build.no-room",
      detail: expect.stringMatching(/^the build was stopped because it left only [\d.]+ GB on the engine's disk/),
    });
  });

  test("a build that fails on a full disk is told as that", async () => {
    await begin({ room: { reserveBytes: 0, floorBytes: 2 ** 50 } });
    expect(await make("exit 1")).toMatchObject({ state: "failed", code: "build.no-room" });
  });

  test("the classic builder holds a step to its memory, and a step that wanted more is told as that", async () => {
    await begin({ ways: ["classic"], limits: { memoryBytes: 64 * 1024 ** 2, cpus: 0.5 } });
    expect(await make("cat /proc/self/cgroup; head -c 400000000 /dev/zero | tail | wc -c; exit $?")).toEqual({
      state: "built",
    });
    const state = await make("head -c 400000000 /dev/zero | tail");
    expect(state).toMatchObject({
      state: "failed",
      code: "build.out-of-memory",
      detail: expect.stringContaining("was killed (exit 137)"),
    });
    const task = state.state === "failed" ? (state.task ?? "") : "";
    const { tasks } = await world.runtime.observe(runtimeKey);
    expect(tasks.find(({ name }) => name === task)?.exit).toMatchObject({ code: 137, reason: "out-of-memory" });
    expect(await outputOf(world.runtime, task)).toContain("most likely because it ran out of memory");
  });

  test("BuildKit's words say it too when a step was killed", async () => {
    await begin({});
    expect(await make("sh -c 'kill -9 $$'; exit $?")).toMatchObject({ state: "failed", code: "build.out-of-memory" });
  });

  test("an app builds one thing at a time, other apps go on beside it, up to the number allowed", async () => {
    await begin({ atOnce: 2 });
    const of = (app: string): EnvKey => ({ ...runtimeKey, app });
    const start = async (app: string) => {
      const spec = await specOf(`sleep 1000.${randomBytes(3).toString("hex").replace(/\D/g, "1")}`);
      await builder.build(spec, { ...forWhom, key: of(app) });
      return spec.digest;
    };
    const [first, second] = [await start("kairo"), await start("kairo")];
    const [third, fourth] = [await start("godo"), await start("pixie")];
    const printed = async (app: string, digest = "") => {
      const task = (await builder.builds.tasks(of(app))).find(({ spec }) => spec.artifact === digest);
      return outputOf(world.runtime, task?.name ?? "");
    };
    await until(async () => (await printed("kairo", first)).includes("RUN"));
    await until(async () => (await printed("godo", third)).includes("RUN"));
    expect(await printed("kairo", second)).toBe("");
    expect(await printed("pixie", fourth)).toBe("");
    const kill = async (app: string, digest: string) => {
      const task = (await builder.builds.tasks(of(app))).find(({ spec }) => spec.artifact === digest);
      await world.runtime.signal(task?.name ?? "", "SIGKILL");
    };
    await kill("godo", third);
    await until(async () => (await printed("pixie", fourth)).includes("RUN"));
    expect(await printed("kairo", second)).toBe("");
    await kill("kairo", second);
    expect((await builder.observe(second)).state).toBe("absent");
    await kill("kairo", first);
    await kill("pixie", fourth);
  });
});
