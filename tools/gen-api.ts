import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openApiDocument } from "../src/http/openapi.ts";
import { apiPage } from "../src/http/page.ts";
import { keepUpToDate, root } from "./generated.ts";

/** What is generated from the API's contract. */
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
keepUpToDate("tools/gen-api.ts", {
  "schema/openapi.json": `${JSON.stringify(openApiDocument(version), null, 2)}\n`,
  "docs/api.md": apiPage(),
});
