import { baseImage } from "../base.ts";
import { comment, copy, dockerfileText } from "../dockerfile.ts";
import type { BuildChoice, MachineNeed, Recipe } from "../recipe.ts";
import { filesService, filesStage } from "../static/server.ts";
import type { Tree } from "../tree.ts";
import { oneCommand } from "../two-stages.ts";
import type { ChosenVersion } from "../version-line.ts";
import { gemPackages } from "./gems.ts";

/** Generators of pages: the gem, its command, and where the pages are. */
const generators = [
  ["jekyll", "Jekyll", "JEKYLL_ENV=production bundle exec jekyll build", "_site"],
  ["github-pages", "Jekyll", "JEKYLL_ENV=production bundle exec jekyll build", "_site"],
  ["middleman", "Middleman", "bundle exec middleman build", "build"],
] as const;

interface Site {
  readonly gems: ReadonlySet<string>;
  readonly version: ChosenVersion;
  readonly install: readonly string[];
  readonly declares: readonly string[];
  readonly needs: readonly MachineNeed[];
  readonly warnings: readonly string[];
}

/** A source whose pages are made by a gem and served as files; null: it is none. */
export function siteRecipe(tree: Tree, site: Site, build: BuildChoice): Recipe | null {
  const { gems, version, install, declares, needs, warnings } = site;
  const found = generators.find(([gem]) => gems.has(gem));
  if (found === undefined) return null;
  const [, name, command, usual] = found;
  const own = /^destination:\s*["']?\.?\/?([\w-][\w./-]{0,100}?)\/?["']?\s*$/m.exec(
    tree.text("_config.yml") ?? "",
  )?.[1];
  const path = name === "Jekyll" && own !== undefined && !own.includes("..") ? own : usual;
  const base = baseImage(build, "ruby", `ruby:${version.tag}-slim`);
  const files = filesStage(build, { from: "builder", path, fallback: null });
  const packages = gemPackages(gems).build.join(" ");
  const lines = [
    comment(`Packages and build. Ruby ${version.tag}: ${version.why}.`),
    `FROM ${base.image} AS builder`,
    `RUN apt-get update && apt-get install -y --no-install-recommends ${packages} \\`,
    "    && rm -rf /var/lib/apt/lists/*",
    "WORKDIR /app",
    "ENV BUNDLE_APP_CONFIG=/app/.bundle LANG=C.UTF-8",
    ...(declares.length === 0 ? ["COPY . ."] : [copy(declares, "./")]),
    ...install.map((one) => `RUN ${one}`),
    ...(declares.length === 0 ? [] : ["COPY . ."]),
    `RUN ${command}`,
  ];
  const title = `${name}, Ruby ${version.tag}`;
  return {
    language: "static",
    evidence: "declared",
    dockerfile: dockerfileText(title, [lines, files.lines]),
    summary: title,
    warnings: [...base.warnings, ...files.warnings, ...warnings],
    services: [filesService({ path, fallback: null })],
    variables: [],
    build: oneCommand({ install, compile: [command] }),
    firstStep: null,
    needs,
  };
}
