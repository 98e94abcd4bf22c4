import { runtimeConformance } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "./world.ts";

runtimeConformance("process", processWorld);
