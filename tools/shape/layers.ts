import { posix } from "node:path";
import type { Finding } from "./finding.ts";
import type { Source } from "./source.ts";

/** Which folders of `src/` a folder may import beside itself: the table "The house" of the design. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  model: ["base"],
  contract: ["base"],
  host: ["base"],
  manifest: ["base", "model"],
  check: ["base", "model", "manifest"],
  plan: ["base", "model"],
  interop: ["base", "model", "manifest"],
  detect: ["base", "model"],
  ports: ["base", "model"],
  engine: ["base", "model", "plan", "ports"],
  adapters: ["base", "model", "ports", "host", "detect"],
  usecases: ["base", "model", "manifest", "check", "interop", "detect", "plan", "ports", "engine"],
  http: ["base", "model", "contract", "usecases"],
  client: ["base", "contract"],
  cli: ["base", "model", "contract", "manifest", "check", "interop", "detect", "client", "host"],
  main: [
    "base",
    "model",
    "contract",
    "host",
    "manifest",
    "check",
    "plan",
    "interop",
    "detect",
    "ports",
    "engine",
    "adapters",
    "usecases",
    "http",
    "client",
    "cli",
  ],
  testing: ["base", "model", "plan", "ports", "host"],
  web: ["contract", "client", "base"],
};
/** Beside its folder's row; `host` because a test may start programs only through it. */
const testsMayAlsoImport = ["testing", "adapters", "host"];
/** Where an adapter is tried out; only tests import it. */
const tryingOut = /^src\/adapters\/.*\/(?:world|test-edge)\.ts$/;
/** What the simulated world may see of the engine. */
const engineDoor = "src/engine/engine.ts";

/** The path that a relative import names, or null for packages and built-in modules. */
export function resolveImport(from: string, specifier: string): string | null {
  return specifier.startsWith(".") ? posix.join(posix.dirname(from), specifier) : null;
}

/** The row that a file belongs to: a folder of `src/`, or the top folder; empty for files at the root. */
function layerOf(path: string): string {
  const [top, folder, ...rest] = path.split("/");
  if (folder === undefined) return "";
  return top === "src" ? (rest.length === 0 ? "src" : folder) : (top ?? "");
}

/** What the adapters of one port share, by its folder. */
const sharedBy: Readonly<Record<string, string>> = {
  "src/adapters/build/source": "src/adapters/build/",
  "src/adapters/edge/table": "src/adapters/edge/",
};

/** Adapters do not know each other: `src/adapters/<port>/<name>/` is a house of its own, beside what its port shares. */
function mayKnow(from: string, target: string): boolean {
  const house = adapterOf(target);
  return adapterOf(from) === house || from.startsWith(sharedBy[house] ?? "\0");
}

function adapterOf(path: string): string {
  return path.split("/").slice(0, 4).join("/");
}

export function checkLayers(source: Source): readonly Finding[] {
  const layer = layerOf(source.path);
  if (layer === "tools" || layer === "test") return [];
  if (mayImport[layer] === undefined) {
    return [{ check: "unknown-folder", path: source.path, line: 1, words: `no row of the design's table allows it` }];
  }
  return source.imports.flatMap(({ specifier, line }) => {
    const target = resolveImport(source.path, specifier);
    if (target === null || isAllowed(source, target)) return [];
    return [{ check: "import", path: source.path, line, words: `${layer} may not import ${target}` }];
  });
}

function isAllowed(source: Source, target: string): boolean {
  const from = layerOf(source.path);
  const to = layerOf(target);
  // Files at the root are data (package.json), unless they are code.
  if (to === "") return !/\.[cm]?[jt]sx?$/.test(target);
  if (source.isTest && testsMayAlsoImport.includes(to)) return true;
  if (tryingOut.test(source.path) && to === "testing") return true;
  if (from === to) return from !== "adapters" || mayKnow(source.path, target);
  if (from === "testing" && target === engineDoor) return true;
  return mayImport[from]?.includes(to) ?? false;
}

/**
 * Groups of files that import each other in a circle, one finding a group. Types count too: files that
 * need each other's words can only be read together. A dynamic import does not: it runs when everything is loaded already.
 */
export function checkCycles(sources: readonly Source[]): readonly Finding[] {
  const edges = new Map(sources.map((source) => [source.path, targetsOf(source)]));
  return stronglyConnected(edges).map((group) => {
    const [first = "", ...rest] = [...group].sort();
    return { check: "cycle", path: first, line: 1, words: `imports in a circle with ${rest.join(", ") || "itself"}` };
  });
}

function targetsOf(source: Source): readonly string[] {
  return source.imports.flatMap(({ kind, specifier }) => {
    const target = kind !== "dynamic" ? resolveImport(source.path, specifier) : null;
    return target === null ? [] : [target];
  });
}

/** Tarjan's algorithm (SIAM J. Comput. 1, 1972), keeping only groups that have a circle. */
function stronglyConnected(edges: ReadonlyMap<string, readonly string[]>): readonly string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const groups: string[][] = [];
  const lower = (path: string, value: number | undefined): void => {
    low.set(path, Math.min(low.get(path) ?? 0, value ?? 0));
  };
  const visit = (path: string): void => {
    order.set(path, order.size);
    low.set(path, order.size - 1);
    stack.push(path);
    for (const target of edges.get(path) ?? []) {
      if (!edges.has(target)) continue;
      if (!order.has(target)) {
        visit(target);
        lower(path, low.get(target));
      } else if (stack.includes(target)) lower(path, order.get(target));
    }
    if (low.get(path) !== order.get(path)) return;
    const group = stack.splice(stack.indexOf(path));
    if (group.length > 1 || edges.get(path)?.includes(path)) groups.push(group);
  };
  for (const path of edges.keys()) if (!order.has(path)) visit(path);
  return groups;
}
