import { defaultPort, dockerfileText } from "../dockerfile.ts";
import type { BuildChoice, Recipe } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import { filesStage } from "./server.ts";

/** Usual directories of static pages, the top first. */
const places = ["", "public", "dist", "build", "site", "www", "html"];

/** Static pages; null if there is no index page. */
export function staticRecipe(tree: Tree, build: BuildChoice): Recipe | null {
  const place = places.find((directory) => tree.has(directory === "" ? "index.html" : `${directory}/index.html`));
  if (place === undefined) return null;
  const { lines, warnings } = filesStage(build, { from: null, path: place === "" ? "." : place, fallback: false });
  const title = place === "" ? "static site" : `static site in ${place}`;
  return {
    language: "static",
    dockerfile: dockerfileText(title, [lines]),
    summary: `${title}, served by Caddy`,
    warnings,
    variables: [],
    install: null,
    services: [{ name: "web", run: null, port: defaultPort, ready: "/", release: null, single: false }],
  };
}

export const lookedForStatic = `index.html, also in ${places
  .filter((one) => one !== "")
  .map((one) => `${one}/`)
  .join(", ")}`;
