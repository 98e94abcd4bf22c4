import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isErrno } from "../src/base/faults.ts";

/** The project's own directory. */
export const root = dirname(import.meta.dirname);

/**
 * What a generator does with the files that it makes, by their path below the root: writes those that changed, or with
 * `--check` only says which are stale (exit 1). `script` is how the generator is called.
 */
export function keepUpToDate(script: string, files: Readonly<Record<string, string>>): void {
  const stale = Object.entries(files).filter(([path, text]) => current(join(root, path)) !== text);
  for (const [path, text] of stale) {
    if (process.argv.includes("--check")) {
      console.error(`${path} is stale: run \`bin/fairlead-node ${script}\``);
      process.exitCode = 1;
    } else {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
      console.log(`wrote ${path}`);
    }
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
