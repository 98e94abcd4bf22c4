import { describe, test } from "vitest";
import { Engine } from "../../../host/engine.ts";
import { builderConformance } from "../../../testing/conformance/builder.ts";
import { limitOf } from "../../../testing/conformance/limit.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld, wallClock } from "../../runtime/process/world.ts";
import { findBuildx } from "./buildx.ts";
import type { WayName } from "./ways.ts";
import { dockerWorld } from "./world.ts";

const socket = testEngine();
const { PATH = "", HOME = "", DOCKER_CONFIG } = process.env;
const docker = { path: "docker", env: { PATH, HOME, ...(DOCKER_CONFIG ? { DOCKER_CONFIG } : {}) } };
const buildx = socket === null ? null : await findBuildx(new Engine(socket), docker);

function conform(way: WayName): void {
  builderConformance(`docker, ${way}`, async () =>
    dockerWorld(await processWorld(), {
      socket: socket ?? "",
      base: testImages.debian,
      clock: wallClock,
      more: { ways: [way], docker },
    }),
  );
}

describe.skipIf(socket === null)(`on an engine (else: ${noEngine})`, () => {
  conform("buildkit");
  conform("classic");
});

// Debian's older packages have no such plugin, and no machine must: it is a better way where it is, the others are whole.
if (buildx) conform("buildx");
else test.skip("builder docker, buildx", limitOf("docker buildx is used where somebody installed it; it is not here"));
