import { tmpdir } from "node:os";
import { describe } from "vitest";
import { runtimeConformance } from "../../../testing/conformance/runtime.ts";
import { workloadConformance } from "../../../testing/conformance/workloads.ts";
import { namespacesLack } from "./confine.ts";
import { processWorld } from "./world.ts";

runtimeConformance("process", processWorld);
workloadConformance("process", processWorld);

describe.runIf((await namespacesLack(tmpdir())) === null)("where the kernel allows them", () => {
  runtimeConformance("process in namespaces of its own", () => processWorld({}, true));
});
