import { proberConformance } from "../../../testing/conformance/prober.ts";
import { networkProber } from "./prober.ts";

proberConformance("network", networkProber);
