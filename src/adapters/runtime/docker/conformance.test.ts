import { describe } from "vitest";
import { attachedConformance } from "../../../testing/conformance/attached.ts";
import { privatePortConformance } from "../../../testing/conformance/private-ports.ts";
import { runtimeConformance } from "../../../testing/conformance/runtime.ts";
import { volumeConformance } from "../../../testing/conformance/volumes.ts";
import { workloadConformance } from "../../../testing/conformance/workloads.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { dockerRuntimeWorld } from "./world.ts";

const socket = testEngine();

describe.skipIf(socket === null)(`on an engine (else: ${noEngine})`, () => {
  const make = () => dockerRuntimeWorld({ socket: socket ?? "", image: testImages.node });
  runtimeConformance("docker", make);
  attachedConformance("docker", make);
  workloadConformance("docker", make);
  privatePortConformance("docker", make, null);
  volumeConformance("docker", make, null);
});
