import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build, type ChunkingContext, type Plugin } from "rolldown";
import { Fault } from "../src/base/faults.ts";

/** Programs, and the thread that searches logs, by their names in `dist/`. */
const entries = {
  cli: "src/main/cli.ts",
  controller: "src/main/controller.ts",
  edge: "src/main/edge.ts",
  static: "src/main/static.ts",
  "search-worker": "src/adapters/logs/sqlite/search-worker.ts",
};

/**
 * Bundles `entries` of the package at `root` into `dist`, packages and the add-on for terminals included: an installed
 * Fairlead needs nothing beside Node. What is imported dynamically becomes a chunk that is read only when it is needed.
 * All files lie flat in `dist/`, so that an asset has the same address (`new URL("./name", import.meta.url)`) for every
 * chunk. A process keeps the text of all it has loaded, so it is written short: without comments, but with all names, which
 * stack traces show. `dist/` is replaced as a whole. Throws what the bundler throws, and a Fault when two assets have one name.
 */
export async function buildRelease(root: string, dist = join(root, "dist")): Promise<void> {
  const assets = assetsOf(join(root, "src"));
  rmSync(dist, { recursive: true, force: true });
  await build({
    cwd: root,
    input: entries,
    platform: "node",
    external: [/^node:/],
    plugins: [partsOfUndici(root)],
    output: {
      dir: dist,
      format: "esm",
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
      codeSplitting: { groups: [{ name: startOf(join(root, "src/main/cli.ts")), debugName: "start" }] },
      minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    },
  });
  for (const name of readdirSync(dist)) rewrite(join(dist, name), asciiOf);
  for (const [name, path] of assets) cpSync(path, join(dist, name));
  for (const [name, path] of addonsOf(join(root, "node_modules"))) cpSync(path, join(dist, name));
  if (existsSync(join(root, "schema"))) cpSync(join(root, "schema"), join(dist, "schema"), { recursive: true });
}

/** The add-ons for terminals that are installed, each with its name in `dist/` (src/host/terminal.ts). */
function addonsOf(modules: string): readonly (readonly [name: string, path: string])[] {
  const scope = join(modules, "@lydell");
  const packages = existsSync(scope) ? readdirSync(scope).filter((name) => name.startsWith("node-pty-")) : [];
  return packages.map((name) => [`${name.replace("node-pty-", "pty-")}.node`, join(scope, name, "pty.node")]);
}

/** Of undici only what the edge uses: with fetch, WebSocket, caches and mocks it is five times the text. */
function partsOfUndici(root: string): Plugin {
  const at = (file: string) => JSON.stringify(join(root, "node_modules/undici/lib", file));
  const parts = { Client: "dispatcher/client.js", errors: "core/errors.js" };
  const lines = Object.entries(parts).map(([name, file]) => `export { default as ${name} } from ${at(file)};`);
  const id = "\0parts-of-undici";
  return {
    name: "parts of undici",
    resolveId: (source) => (source === "undici" ? id : null),
    load: (asked) => (asked === id ? lines.join("\n") : null),
  };
}

function rewrite(path: string, by: (text: string) => string): void {
  writeFileSync(path, by(readFileSync(path, "utf8")));
}

/**
 * The same program in ASCII: one other character, and V8 keeps the whole text with two bytes a character. In strings,
 * templates, patterns and names an escape means the same; where it would not, behind a backslash, the build fails.
 */
export function asciiOf(text: string): string {
  const misread = /\\[^\0-\x7f]|String\.raw`[^`]*[^\0-\x7f]/u.exec(text);
  if (misread) throw new Fault("operation.failed", `cannot be written in ASCII: ${JSON.stringify(misread[0])}`);
  return text.replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
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
