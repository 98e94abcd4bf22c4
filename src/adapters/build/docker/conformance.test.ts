import { describe } from "vitest";
import { builderConformance } from "../../../testing/conformance/builder.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld, wallClock } from "../../runtime/process/world.ts";
import { dockerWorld } from "./world.ts";

const socket = testEngine();

describe.skipIf(socket === null)(`on an engine (else: ${noEngine})`, () => {
  for (const way of ["buildkit", "classic"] as const) {
    builderConformance(`docker, ${way}`, async () =>
      dockerWorld(await processWorld(), {
        socket: socket ?? "",
        base: testImages.debian,
        clock: wallClock,
        more: { ways: [way] },
      }),
    );
  }
});
