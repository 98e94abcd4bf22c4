import { manifestSchema, referencePage } from "../src/manifest/reference.ts";
import { keepUpToDate } from "./generated.ts";

/** What is generated from the manifest's grammar. */
keepUpToDate("tools/gen-manifest.ts", {
  "schema/fairlead-v1.json": `${JSON.stringify(manifestSchema(), null, 2)}\n`,
  "docs/manifest.md": referencePage(),
});
