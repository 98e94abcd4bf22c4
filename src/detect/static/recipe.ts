import { dockerfileText } from "../dockerfile.ts";
import { serverWithoutPackages } from "../node/lone.ts";
import type { LanguageReader } from "../reader.ts";
import type { BuildChoice, Recipe } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import { filesService, filesStage } from "./server.ts";

/** Usual directories of static pages, the top first. */
const places = ["", "public", "dist", "build", "site", "www", "html"];

export const staticPages: LanguageReader = {
  language: "static",
  files: ["index.html"],
  recognise: (tree, build) => staticRecipe(tree, build) ?? { lookedFor: [lookedFor] },
};

/** Static pages; null if there is no index page. */
function staticRecipe(tree: Tree, build: BuildChoice): Recipe | null {
  const place = places.find((directory) => tree.has(directory === "" ? "index.html" : `${directory}/index.html`));
  if (place === undefined) return null;
  const pages = { path: place === "" ? "." : place, fallback: null };
  const server = serverWithoutPackages(tree);
  const { lines, warnings } = filesStage(build, { from: null, ...pages });
  const title = place === "" ? "static site" : `static site in ${place}`;
  return {
    language: "static",
    evidence: "name",
    dockerfile: dockerfileText(title, [lines]),
    summary: title,
    warnings: server === null ? warnings : [...warnings, server],
    variables: [],
    build: null,
    firstStep: null,
    needs: [],
    services: [filesService(pages)],
  };
}

const lookedFor = `index.html, also in ${places
  .filter((one) => one !== "")
  .map((one) => `${one}/`)
  .join(", ")}`;
