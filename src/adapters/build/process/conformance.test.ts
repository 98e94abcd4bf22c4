import { wallClock } from "../../../testing/clock.ts";
import { builderConformance } from "../../../testing/conformance/builder.ts";
import { processWorld } from "../../runtime/process/world.ts";
import { builderWorld } from "./world.ts";

builderConformance("process", async () =>
  builderWorld(await processWorld(), { userOf: async () => null, clock: wallClock }),
);
