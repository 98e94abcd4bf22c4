import { test } from "vitest";
import { edgeConformance } from "../../../testing/conformance/edge.ts";
import { haproxyFiles } from "./files.ts";
import { limitsOf } from "./limits.ts";
import { programRunner } from "./program.ts";
import { haproxyTestEdge, run } from "./test-edge.ts";

const installed = await programRunner(run, haproxyFiles("/nowhere"))
  .version()
  .catch(() => null);

if (installed !== null)
  edgeConformance("haproxy", haproxyTestEdge, { skip: limitsOf(installed), behind: haproxyTestEdge });
else test("edge haproxy", ({ skip }) => skip("no haproxy is installed here"));
