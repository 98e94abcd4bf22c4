import { edgeConformance } from "../../../testing/conformance/edge.ts";
import { h2Sentences } from "../../../testing/conformance/edge-h2.ts";
import { embeddedTestEdge } from "./test-edge.ts";

const because = "the embedded edge speaks HTTP/1.1 only";
const skip = h2Sentences.map((sentence) => ({ case: sentence, because }));

edgeConformance("embedded", embeddedTestEdge, { skip, behind: embeddedTestEdge });
