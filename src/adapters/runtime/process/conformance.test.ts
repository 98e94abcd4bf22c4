import { chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe } from "vitest";
import { runtimeConformance } from "../../../testing/conformance/runtime.ts";
import { volumeConformance } from "../../../testing/conformance/volumes.ts";
import { workloadConformance } from "../../../testing/conformance/workloads.ts";
import { namespacesLack } from "./confine.ts";
import { processWorld } from "./world.ts";

runtimeConformance("process", processWorld);
workloadConformance("process", processWorld);
volumeConformance("process", processWorld, "a plain process writes where the user who runs the controller may");

describe.runIf(process.getuid?.() === 0)("a user for each environment", () => {
  const userOf = async () => ({ uid: 71_700, gid: 71_700 });
  volumeConformance("process of root", () => openWorld({ userOf }), null);
});

/** Its users pass through to what is theirs. */
async function openWorld(more: Parameters<typeof processWorld>[0]) {
  const world = await processWorld(more);
  chmodSync(world.root, 0o711);
  return world;
}

describe.runIf((await namespacesLack(tmpdir())) === null)("where the kernel allows them", () => {
  runtimeConformance("process in namespaces of its own", () => processWorld({}, true));
  volumeConformance("process in namespaces of its own", () => processWorld({}, true), null);
});
