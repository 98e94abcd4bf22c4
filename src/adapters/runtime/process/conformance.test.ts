import { chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe } from "vitest";
import { Firewall, type Guarded } from "../../../host/firewall.ts";
import type { EnvKey } from "../../../model/environment.ts";
import { attachedConformance } from "../../../testing/conformance/attached.ts";
import { privatePortConformance } from "../../../testing/conformance/private-ports.ts";
import { runtimeConformance } from "../../../testing/conformance/runtime.ts";
import { volumeConformance } from "../../../testing/conformance/volumes.ts";
import { workloadConformance } from "../../../testing/conformance/workloads.ts";
import { namespacesLack } from "./confine.ts";
import { processWorld } from "./world.ts";

runtimeConformance("process", processWorld);
attachedConformance("process", processWorld);
workloadConformance("process", processWorld);
privatePortConformance("process", processWorld, "without users of their own nothing tells environments apart");
volumeConformance("process", processWorld, "a plain process writes where the user who runs the controller may");

describe.runIf(process.getuid?.() === 0)("a user for each environment", () => {
  const apps = { from: 71_700, to: 71_799 };
  const users: Record<string, number> = { production: 71_700, staging: 71_701 };
  const userOf = async ({ environment }: EnvKey) => ({ uid: users[environment] ?? 0, gid: users[environment] ?? 0 });
  volumeConformance("process of root", () => openWorld({ userOf }), null);
  attachedConformance("process of root", () => openWorld({ userOf }));

  const firewall = new Firewall(`fltest_${process.pid}_ports`);
  const guard = (doors: Guarded["doors"]) => firewall.apply({ apps, doors });
  privatePortConformance("process of root", () => openWorld({ userOf, guard }), null);
  afterAll(() => firewall.apply({ apps, doors: [] }));
});

/** Its users pass through to what is theirs. */
async function openWorld(more: Parameters<typeof processWorld>[0]) {
  const world = await processWorld(more);
  chmodSync(world.root, 0o711);
  return world;
}

describe.runIf((await namespacesLack(tmpdir())) === null)("where the kernel allows them", () => {
  runtimeConformance("process in namespaces of its own", () => processWorld({}, true));
  attachedConformance("process in namespaces of its own", () => processWorld({}, true));
  volumeConformance("process in namespaces of its own", () => processWorld({}, true), null);
});
