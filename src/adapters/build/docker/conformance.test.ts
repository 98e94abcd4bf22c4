import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ContainerEngine } from "../../../host/engine.ts";
import { buildxProgram } from "../../../testing/buildx.ts";
import { wallClock } from "../../../testing/clock.ts";
import { builderConformance } from "../../../testing/conformance/builder.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld } from "../../runtime/process/world.ts";
import { findBuildx } from "./buildx.ts";
import { everyWay } from "./ways.ts";
import { dockerBuildWorld } from "./world.ts";

const socket = testEngine();

describe.skipIf(socket === null)(`on an engine (else: ${noEngine})`, () => {
  let docker: Awaited<ReturnType<typeof buildxProgram>>;
  beforeAll(async () => {
    docker = await buildxProgram(socket ?? "");
  });
  afterAll(() => docker.remove());

  test("docker buildx is found, and not used where it does not reach the engine", async () => {
    const engine = new ContainerEngine(socket ?? "");
    expect(await findBuildx(engine, docker)).toMatchObject({ name: "docker buildx" });
    expect(await findBuildx(new ContainerEngine("/none"), docker)).toBeNull();
    engine.close();
  });

  for (const way of everyWay) {
    builderConformance(`docker, ${way}`, async () =>
      dockerBuildWorld(await processWorld(), {
        socket: socket ?? "",
        base: testImages.debian,
        clock: wallClock,
        more: { ways: [way], docker },
      }),
    );
  }
});
