import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { buildRelease } from "../build.ts";

const root = join(import.meta.dirname, "../..");

/** The package that brings the Node that Fairlead runs on. */
const pinned = join("node_modules", `node-${process.platform}-${process.arch}`);

/** Fairlead as `npm install` would leave it: bundle and launcher, no sources. */
export interface Installation {
  readonly launcher: string;
  readonly edge: string;
}

/** Builds the release into a directory of its own; the checkout is only read. */
export async function install(directory: string): Promise<Installation> {
  mkdirSync(directory, { recursive: true });
  for (const name of ["src", "schema", "node_modules"]) symlinkSync(join(root, name), join(directory, name));
  cpSync(join(root, "package.json"), join(directory, "package.json"));
  cpSync(join(root, "bin"), join(directory, "bin"), { recursive: true });
  await buildRelease(directory);
  for (const name of ["src", "node_modules"]) rmSync(join(directory, name));
  mkdirSync(join(directory, "node_modules"));
  symlinkSync(join(root, pinned), join(directory, pinned));
  const at = (...parts: readonly string[]) => join(directory, ...parts);
  return { launcher: at("bin", "fairlead"), edge: at("dist", "edge.js") };
}
