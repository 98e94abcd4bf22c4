import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { dockerBuildWorld } from "../../src/adapters/build/docker/world.ts";
import { processWorld } from "../../src/adapters/runtime/process/world.ts";
import { wallClock } from "../../src/testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../src/testing/conformance/builder.ts";
import { outputOf, runtimeKey, until } from "../../src/testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../src/testing/engine.ts";
import { OwnEngine, whyNoOwnEngine } from "./own-engine.ts";

const from = testEngine();
const reason = from === null ? noEngine : whyNoOwnEngine();
const diskBytes = 320 * 1024 ** 2;

describe.skipIf(reason !== null)(`builds in trouble, on an engine of their own (else: ${reason})`, () => {
  const own = new OwnEngine({ diskBytes });
  beforeAll(async () => {
    await own.start();
    await own.copyImage(testImages.debian, from ?? "");
  });
  afterAll(() => own.close());

  const worlds: Awaited<ReturnType<typeof worldOf>>[] = [];
  afterEach(async () => {
    for (const world of worlds.splice(0)) await world.close();
  });

  async function worldOf(way: "buildkit" | "classic") {
    const socket = own.socket;
    const more = { ways: [way] };
    return dockerBuildWorld(await processWorld(), { socket, base: testImages.debian, clock: wallClock, more });
  }

  async function scene(way: "buildkit" | "classic") {
    const world = await worldOf(way);
    worlds.push(world);
    const builder = world.open();
    const begin = async (script: string) => {
      const spec = artifactSpec(await admitFiles(builder, world.told({}, script).files), null);
      await builder.build(spec, forWhom);
      return spec.digest;
    };
    const make = async (script: string) => builtOrNot(builder, await begin(script));
    return { world, builder, begin, make };
  }

  test.each(["buildkit", "classic"] as const)(
    "%s: a build that fills the disk is told as that, and the next one finds the room again",
    async (way) => {
      const { world, make } = await scene(way);
      const failed = await make("cat /dev/zero > /large");
      expect(failed).toMatchObject({
        state: "failed",
        code: "build.no-room",
        detail: "the build filled the engine's disk",
      });
      const printed = await outputOf(world.runtime, failed.state === "failed" ? (failed.task ?? "") : "");
      expect(printed).toContain("No space left on device");
      expect(await make("echo small > /small")).toEqual({ state: "built" });
      expect((await world.runtime.observe(runtimeKey)).tasks.every(({ exit }) => exit !== null)).toBe(true);
    },
  );

  test("a build of an engine that hangs is over as soon as it is ended", async () => {
    const { world, builder, begin } = await scene("buildkit");
    const digest = await begin("echo begun; sleep 1000");
    const task = async () => (await builder.builds.tasks(runtimeKey)).find(({ spec }) => spec.artifact === digest);
    await until(async () => (await outputOf(world.runtime, (await task())?.name ?? "")).includes("begun"));
    const resume = own.freeze();
    try {
      await world.runtime.signal((await task())?.name ?? "", "SIGKILL");
      await until(async () => (await task())?.exit?.signal === "SIGKILL");
    } finally {
      resume();
    }
  });
});
