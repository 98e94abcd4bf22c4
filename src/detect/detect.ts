import { oneLine } from "../base/printable.ts";
import { type NodeProject, nodeProject } from "./node/project.ts";
import { nodeRecipe } from "./node/recipe.ts";
import { type PythonProject, pythonProject, pythonRecipe } from "./python/recipe.ts";
import type { BuildChoice, Recipe, SourceView, Unrecognised } from "./recipe.ts";
import { lookedForStatic, staticRecipe } from "./static/recipe.ts";
import { baseName, directoryOf, Tree } from "./tree.ts";

/**
 * Detects a source without a Dockerfile, and generates the Dockerfile for it: two stages, a pinned base, never root,
 * packages in layers that a change of the source does not affect. Pure and total: there is a result for all files, and
 * no text of the source gets into the Dockerfile unless it is quoted or has a plain form.
 */
export function detect(source: SourceView, build: BuildChoice): Recipe | Unrecognised {
  const tree = new Tree(source);
  const found = recognise(tree, build);
  if (!("dockerfile" in found)) return { lookedFor: found.lookedFor.map(said) };
  const broken = [...tree.broken].map(([file, what]) => `${file} ${what}, so it is ignored`);
  return { ...found, warnings: [...broken, ...found.warnings].map(said) };
}

/** File names are foreign text. */
function said(words: string): string {
  return oneLine(words, 1_000);
}

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const python = pythonProject(tree);
  const node = nodeProject(tree);
  const found = choose(python, node);
  if (found === "python" && "app" in python) return withOther(pythonRecipe(tree, python, build), tree, "package.json");
  if (found === "node" && "runs" in node) return nodeRecipe(tree, node, build);
  const pages = staticRecipe(tree, build);
  if (pages) return pages;
  const nothing = [node, python].flatMap((one) => ("lookedFor" in one ? one.lookedFor : []));
  return { lookedFor: [...nothing, lookedForStatic, ...nearby(tree)] };
}

/** A Python framework beside a package.json builds its assets with it; a single main.py beside a server is a script. */
function choose(python: PythonProject | object, node: NodeProject | object): "python" | "node" | null {
  if (!("app" in python)) return "runs" in node ? "node" : null;
  const framework = !(python as PythonProject).app.name.startsWith("Python");
  return framework || !("runs" in node) ? "python" : "node";
}

function withOther(recipe: Recipe, tree: Tree, file: string): Recipe {
  if (!tree.has(file)) return recipe;
  const warning = `${file} exists too and is not built: commit its output, or write a Dockerfile`;
  return { ...recipe, warnings: [...recipe.warnings, warning] };
}

const telling = new Set([
  "package.json",
  "requirements.txt",
  "pyproject.toml",
  "Pipfile",
  "manage.py",
  "Dockerfile",
  "index.html",
]);

/** Subdirectories that look like apps: a repository with several has nothing at the top. */
function nearby(tree: Tree): readonly string[] {
  const found = new Map<string, string>();
  for (const path of [...tree.paths].sort()) {
    const directory = directoryOf(path);
    if (
      !telling.has(baseName(path)) ||
      !/^[\w.-]+(?:\/[\w.-]+)?$/.test(directory) ||
      /node_modules|^\./.test(directory)
    )
      continue;
    if (!found.has(directory)) found.set(directory, path);
  }
  return [...found]
    .slice(0, 8)
    .map(([directory, path]) => `${path} exists: \`build: ${directory}\` builds that directory`);
}
