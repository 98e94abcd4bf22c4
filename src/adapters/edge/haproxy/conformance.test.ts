import { test } from "vitest";
import { edgeConformance } from "../../../testing/conformance/edge.ts";
import { edgeFiles } from "./files.ts";
import { limitsOf } from "./limits.ts";
import { programRunner } from "./program.ts";
import { run, testEdge } from "./test-edge.ts";

const installed = await programRunner(run, edgeFiles("/nowhere"))
  .version()
  .catch(() => null);

if (installed !== null) edgeConformance("haproxy", testEdge, { skip: limitsOf(installed), behind: testEdge });
else test("edge haproxy", ({ skip }) => skip("no haproxy is installed here"));
