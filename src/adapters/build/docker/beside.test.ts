import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wallClock } from "../../../testing/clock.ts";
import { runtimeConformance } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "../../runtime/process/world.ts";
import { withBuilds } from "./beside.ts";
import { Builds } from "./builds.ts";

runtimeConformance("process, with builds beside it", async () => {
  const world = await processWorld();
  const directory = mkdtempSync(join(tmpdir(), "fairlead-builds-"));
  return {
    ...world,
    open: () => withBuilds(world.open(), new Builds({ directory, clock: wallClock, atOnce: 1 })),
    close: async () => {
      rmSync(directory, { recursive: true });
      await world.close();
    },
  };
});
