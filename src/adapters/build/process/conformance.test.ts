import { builderConformance } from "../../../testing/conformance/builder.ts";
import { processWorld, wallClock } from "../../runtime/process/world.ts";
import { builderWorld } from "./world.ts";

builderConformance("process", async () =>
  builderWorld(await processWorld(), { userOf: async () => null, clock: wallClock }),
);
