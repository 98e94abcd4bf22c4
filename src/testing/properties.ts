import fc from "fast-check";
import { seed } from "./exhaustive.ts";

fc.configureGlobal({ seed });

export default fc;
