import { oneLine } from "../base/printable.ts";
import { deno } from "./deno/recipe.ts";
import { elixir } from "./elixir/recipe.ts";
import { go } from "./go/recipe.ts";
import { java } from "./java/recipe.ts";
import { node } from "./node/recipe.ts";
import { php } from "./php/recipe.ts";
import { withProcfile } from "./procfile.ts";
import { python } from "./python/recipe.ts";
import type { LanguageReader } from "./reader.ts";
import { type BuildChoice, isRecipe, type Recipe, type SourceView, type Unrecognised } from "./recipe.ts";
import { ruby } from "./ruby/recipe.ts";
import { rust } from "./rust/recipe.ts";
import { staticPages } from "./static/recipe.ts";
import { baseName, directoryOf, join, Tree, textTable } from "./tree.ts";

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

/**
 * All languages. Several can recognise one source: what is declared precedes what only has a usual name (`evidence`),
 * then the order here decides. Frameworks that build their assets with Node precede Node; pages without any program are
 * last.
 */
const readers: readonly LanguageReader[] = [python, ruby, php, elixir, java, go, rust, deno, node, staticPages];

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const found = readers.map((reader) => ({ reader, result: reader.recognise(tree, build) }));
  const recipes = found.flatMap(({ reader, result }) => (isRecipe(result) ? [{ reader, recipe: result }] : []));
  const chosen = recipes.find(({ recipe }) => recipe.evidence === "declared") ?? recipes[0];
  if (chosen) return whole(tree, chosen.reader, chosen.recipe);
  const lookedFor = found.flatMap(({ result }) => (isRecipe(result) ? [] : result.lookedFor));
  return { lookedFor: [...lookedFor, ...notBuilt(tree), ...nearby(tree)] };
}

/** With what is not the language's own: the processes of a Procfile, and what is not used. */
function whole(tree: Tree, reader: LanguageReader, recipe: Recipe): Recipe {
  const { services, warnings } = withProcfile(
    tree,
    recipe.services,
    (command) => reader.meaning?.(command, tree) ?? command,
  );
  const left = [
    ...unused(tree, reader, recipe),
    ...beside(tree, recipe),
    ...(tree.has("Procfile.dev") ? [forEditing] : []),
  ];
  return { ...recipe, services, warnings: [...recipe.warnings, ...warnings, ...left] };
}

const forEditing = "Procfile.dev is for development, so it is not read; a Procfile says what runs in production";

/** Files of other languages that the recipe does not build: none of its needs names them. */
function unused(tree: Tree, chosen: LanguageReader, { needs }: Recipe): readonly string[] {
  return readers.flatMap(({ language, files }) => {
    const file = language === chosen.language ? null : tree.first(files);
    // A package.json beside pages has nothing that builds, or Node would have been chosen.
    const isIdle = chosen.language === "static" && language === "node";
    if (file === null || isIdle || language === "static" || needs.some(({ why }) => why === file)) return [];
    return [`${file} exists too and is not built: commit its output, or write a Dockerfile`];
  });
}

/** Files of programs that make pages, or start other things, and are not run here. */
const others: readonly (readonly [files: readonly string[], words: string])[] = [
  [
    ["hugo.toml", "hugo.yaml", "config/_default/hugo.toml"],
    "pages by Hugo, which is not run here: write a Dockerfile, or commit its public/ and `static: public`",
  ],
  [
    ["mkdocs.yml", "mkdocs.yaml"],
    "pages by MkDocs, which is not run here: write a Dockerfile, or commit its site/ and `static: site`",
  ],
  [
    ["docs/conf.py", "docs/source/conf.py"],
    "pages by Sphinx, which is not run here: write a Dockerfile, or commit its HTML and `static: DIRECTORY`",
  ],
  [
    ["pelicanconf.py"],
    "pages by Pelican, which is not run here: write a Dockerfile, or commit its output/ and `static: output`",
  ],
  [
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"],
    "services of images, which init does not read: write each as a service with `build` or `image`",
  ],
];

function notBuilt(tree: Tree): readonly string[] {
  return others.flatMap(([files, words]) => {
    const file = tree.first(files);
    return file === null ? [] : [`${file} describes ${words}`];
  });
}

/** Usual directories of a front end, a server or a worker beside each other. */
const besideNames = "client frontend front-end web webapp ui app dashboard admin server backend back-end api worker";

/** Packages beside the app, in a directory of their own, that neither the recipe nor a script of the top names. */
function beside(tree: Tree, { dockerfile, services }: Recipe): readonly string[] {
  const top = tree.has("package.json") ? tree.json("package.json") : null;
  const isWorkspace = top?.has("workspaces") || tree.first(["pnpm-workspace.yaml", "lerna.json", "nx.json"]) !== null;
  const scripts = [...textTable(top?.get("scripts"))]
    .filter(([name]) => /build|install|^(?:pre)?start/.test(name))
    .flat();
  const known = [
    dockerfile,
    ...scripts,
    ...services.flatMap(({ run, files }) => [...(run ?? []), files?.path ?? ""]),
  ].join("\n");
  return besideNames.split(" ").flatMap((directory) => {
    const file = join(directory, "package.json");
    if (isWorkspace || !tree.has(file) || new RegExp(`\\b${directory}\\b`).test(known)) return [];
    return [`${file} exists too and is not built: commit its output, or write a Dockerfile`];
  });
}

/** Subdirectories that look like apps, each by the file that says most: a repository with several has nothing at the top. */
function nearby(tree: Tree): readonly string[] {
  const telling = ["Dockerfile", ...readers.flatMap(({ files }) => files)];
  const found = new Map<string, string>();
  const rank = (path: string) => telling.indexOf(baseName(path));
  for (const path of [...tree.paths].filter((one) => rank(one) !== -1).sort((a, b) => rank(a) - rank(b))) {
    const directory = directoryOf(path);
    if (!/^[\w.-]+(?:\/[\w.-]+)?$/.test(directory) || /node_modules|^\./.test(directory)) continue;
    if (!found.has(directory)) found.set(directory, path);
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, 8)
    .map(([directory, path]) => `${path} exists: \`build: ${directory}\` builds that directory`);
}
