import { edgeConformance } from "../../../testing/conformance/edge.ts";
import { testEdge } from "./test-edge.ts";

edgeConformance("embedded", testEdge, { behind: testEdge });
