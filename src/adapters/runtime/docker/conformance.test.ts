import { describe } from "vitest";
import { runtimeConformance } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { dockerRuntimeWorld } from "./world.ts";

const socket = testEngine();

describe.skipIf(socket === null)(`on an engine (else: ${noEngine})`, () => {
  runtimeConformance("docker", () => dockerRuntimeWorld({ socket: socket ?? "", image: testImages.node }));
});
