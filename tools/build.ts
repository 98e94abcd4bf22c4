import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build, type ChunkingContext } from "rolldown";
import { Fault } from "../src/base/faults.ts";

const entries = ["cli", "controller", "edge"];

/**
 * Bundles `src/main/{cli,controller,edge}.ts` of the package at `root` into `dist/`, packages included: an installed
 * Fairlead needs nothing beside Node. What is imported dynamically becomes a chunk that is read only when it is needed.
 * All files lie flat in `dist/`, so that an asset has the same address (`new URL("./name", import.meta.url)`) for every
 * chunk. `dist/` is replaced as a whole. Throws what the bundler throws, and a Fault when two assets have one name.
 */
export async function buildRelease(root: string): Promise<void> {
  const dist = join(root, "dist");
  const assets = assetsOf(join(root, "src"));
  rmSync(dist, { recursive: true, force: true });
  await build({
    cwd: root,
    input: Object.fromEntries(entries.map((name) => [name, `src/main/${name}.ts`])),
    platform: "node",
    external: [/^node:/],
    output: {
      dir: dist,
      format: "esm",
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
      codeSplitting: { groups: [{ name: startOf(join(root, "src/main/cli.ts")), debugName: "start" }] },
      minify: false,
    },
  });
  for (const [name, path] of assets) cpSync(path, join(dist, name));
  if (existsSync(join(root, "schema"))) cpSync(join(root, "schema"), join(dist, "schema"), { recursive: true });
}

/**
 * Puts all that the command line needs before it knows its command into one chunk: every file read costs `fairlead --help`
 * half a millisecond. Without the entry itself, because other entries share the chunk and must not run the command line.
 */
function startOf(entry: string): (id: string, context: ChunkingContext) => string | null {
  const start = new Set<string>();
  return (id, context) => {
    if (start.size === 0) collectImports(entry, context, start);
    return id !== entry && start.has(id) ? "start" : null;
  };
}

function collectImports(id: string, context: ChunkingContext, into: Set<string>): void {
  if (into.has(id)) return;
  into.add(id);
  for (const imported of context.getModuleInfo(id)?.importedIds ?? []) collectImports(imported, context, into);
}

/** Files of `src` that are read and not imported, by the name that they have in `dist/`; snapshots of tests are none. */
function assetsOf(source: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(source, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || /\.(?:tsx?|snap)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const twin = found.get(basename(path));
    if (twin !== undefined) throw new Fault("operation.failed", `${path} and ${twin} would be one file in dist/`);
    found.set(basename(path), path);
  }
  return found;
}

if (import.meta.main) await buildRelease(dirname(import.meta.dirname));
