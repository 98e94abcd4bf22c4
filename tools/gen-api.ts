import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isErrno } from "../src/base/faults.ts";
import { openApiDocument } from "../src/http/openapi.ts";
import { apiPage } from "../src/http/page.ts";

/** Writes what is generated from the API's contract; with `--check` it only says whether it is up to date (exit 1). */
const root = join(import.meta.dirname, "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
const generated = {
  "schema/openapi.json": `${JSON.stringify(openApiDocument(version), null, 2)}\n`,
  "docs/api.md": apiPage(),
};
const stale = Object.entries(generated).filter(([path, text]) => current(join(root, path)) !== text);

if (process.argv.includes("--check")) {
  for (const [path] of stale) console.error(`${path} is stale: run tools/gen-api.ts`);
  if (stale.length > 0) process.exitCode = 1;
} else {
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
}

function current(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return null;
    throw thrown;
  }
}
