import type { Tree } from "../tree.ts";
import type { Declared } from "./declared.ts";
import { normalised } from "./declared.ts";
import { comesWith, distributions, standard } from "./names.ts";

/** Files that do not run in production. */
const aside =
  /(?:^|\/)(?:conftest|setup|noxfile|fabfile|test_[^/]*|[^/]*_test)\.py$|(?:^|\/)(?:scripts|tools|benchmarks?|notebooks?)\//;
const shown = 8;

/**
 * Packages that files import at their top and nothing declares, as one warning (R042). Imports inside functions and
 * `try` are omitted: those may be meant to be absent. Names that differ between import and package are in `names.ts`.
 */
export function undeclaredImports(tree: Tree, declared: Declared): readonly string[] {
  const files = tree.sources(/\.py$/).filter((file) => !aside.test(file));
  const missing = missingImports(tree, files, declared);
  if (missing.size === 0) return [];
  const named = [...missing].slice(0, shown).map(([top, file]) => `${top} (${file})`);
  const more = missing.size > shown ? ` and ${missing.size - shown} more` : "";
  return [`${declared.file} does not declare these imports: ${named.join(", ")}${more}`];
}

/** Modules of others that these files import and nothing declares, each with the first file that does. */
export function missingImports(tree: Tree, files: readonly string[], declared: Declared): ReadonlyMap<string, string> {
  const local = localNames(tree);
  const missing = new Map<string, string>();
  for (const file of files) {
    for (const module of importsOf(tree.text(file) ?? "")) {
      const [top = ""] = module.split(".");
      if (!isStandard(top) && !local.has(top) && !missing.has(top) && !isDeclared(module, declared))
        missing.set(top, file);
    }
  }
  return missing;
}

/** A name that begins with `_` is one of Python's own parts in C: `_thread`. */
const isStandard = (top: string): boolean => top.startsWith("_") || standard.has(top);

/** Modules that a file imports in its outermost lines. */
export function importsOf(text: string): readonly string[] {
  const code = text.replace(/("""|''')[\s\S]*?\1/g, '""').replace(/\\\r?\n/g, " ");
  return code.split(/\r?\n/).flatMap((line) => {
    const from = /^from\s+([A-Za-z_][\w.]{0,200})\s+import\s+(.{0,200})/.exec(line);
    if (from) return [from[1] ?? ""].concat(namespaced(from[1] ?? "", from[2] ?? ""));
    const plain = /^import\s(.{1,400})$/.exec(line)?.[1]?.replace(/#.*/, "");
    return (plain?.split(/[,;]/) ?? [])
      .map((one) => /^\s*([A-Za-z_][\w.]*)/.exec(one)?.[1] ?? "")
      .filter((one) => one !== "");
  });
}

/** `from google import genai` imports a package of the namespace, not the namespace. */
function namespaced(module: string, names: string): readonly string[] {
  if (module !== "google") return [];
  return names.split(",").map((name) => `google.${/\w+/.exec(name)?.[0] ?? ""}`);
}

function localNames(tree: Tree): ReadonlySet<string> {
  const names = new Set<string>();
  for (const path of tree.paths) {
    if (!path.endsWith(".py") && !path.endsWith(".pyi")) continue;
    for (const part of path.replace(/\.pyi?$/, "").split("/")) names.add(part);
  }
  return names;
}

function isDeclared(module: string, { packages }: Declared): boolean {
  const [top = ""] = module.split(".");
  const wanted = [normalised(top), ...(distributions.get(top) ?? [])];
  if (wanted.some((name) => packages.has(name))) return true;
  if ((comesWith.get(top) ?? []).some((name) => packages.has(name))) return true;
  const dashed = normalised(module);
  // Namespaces like google and azure: one package for each part, and words like python- and django- in front.
  return [...packages].some(
    (name) =>
      (namespaces.has(top) && name.startsWith(`${normalised(top)}-`)) ||
      dashed.startsWith(`${name}-`) ||
      name === `python-${normalised(top)}` ||
      name === `py${normalised(top)}` ||
      name === `django-${normalised(top)}` ||
      name === `${normalised(top)}-python`,
  );
}

const namespaces = new Set([
  "google",
  "azure",
  "opentelemetry",
  "zope",
  "llama_index",
  "langchain",
  "jupyter",
  "haystack",
]);
