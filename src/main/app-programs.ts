import { mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { copyFileSynced, replaceFileSync } from "../host/files.ts";
import { firstClosed } from "./user.ts";

/**
 * Writes Fairlead's own programs for apps below `directory`, and returns the directory for their PATH. `node` is a
 * Node that every app can start.
 */
export function appPrograms(directory: string, node: string): string {
  const programs = join(directory, "programs");
  mkdirSync(programs, { recursive: true, mode: 0o755 });
  const quoted = [node, reachableServer(join(directory, "static"))].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  replaceFileSync(join(programs, "fairlead-static"), `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`, 0o755);
  return programs;
}

/** The static server where every user can read it: itself, or a copy when it is in a closed directory. */
function reachableServer(copy: string): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const isSource = import.meta.url.endsWith(".ts");
  if (process.getuid?.() !== 0 || firstClosed(here) === null) return join(here, isSource ? "static.ts" : "static.js");
  // A bundle is one file; a checkout needs the packages beside it.
  if (!isSource) return copied(join(here, "static.js"), join(copy, "static.js"));
  const modules = join(here, "../../node_modules");
  for (const name of ["sirv", "@polka/url", "mrmime", "totalist", "totalist/sync"]) {
    for (const file of readdirSync(join(modules, name)).filter((one) => /\.(?:json|mjs)$/.test(one)))
      copied(join(modules, name, file), join(copy, "node_modules", name, file));
  }
  return copied(join(here, "static.ts"), join(copy, "static.ts"));
}

/** Copies unless an equally long file is there: a shorter one was cut off by a loss of power. */
export function copied(from: string, to: string, mode = 0o644): string {
  if (statSync(to, { throwIfNoEntry: false })?.size !== statSync(from).size) {
    mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
    copyFileSynced(from, to, mode);
  }
  return to;
}
