import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isErrno } from "../src/base/faults.ts";
import { manifestSchema, referencePage } from "../src/manifest/reference.ts";

/** Writes what is generated from the manifest's grammar; with `--check` it only says whether it is up to date (exit 1). */
const generated = {
  "schema/fairlead-v1.json": `${JSON.stringify(manifestSchema(), null, 2)}\n`,
  "docs/manifest.md": referencePage(),
};

const root = join(import.meta.dirname, "..");
const stale = Object.entries(generated).filter(([path, text]) => current(join(root, path)) !== text);

if (process.argv.includes("--check")) {
  for (const [path] of stale) console.error(`${path} is stale: run tools/gen-manifest.ts`);
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
