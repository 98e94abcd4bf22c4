import { join, namesOf, type Tree, textMember } from "../tree.ts";
import { type NodePackage, uses } from "./package.ts";

/** A framework with its own build program. */
export interface FrameworkServer {
  readonly name: string;
  /** The package that identifies it. */
  readonly package: string;
  /** The program that builds it if there is no `build` script. */
  readonly build: string | null;
  /** How it is started by default; null: only as the source says. */
  readonly start: readonly string[] | null;
  readonly env?: Readonly<Record<string, string>>;
}

/** A front end that is built to files. */
export interface FrontEnd {
  readonly name: string;
  readonly package: string;
  /** The program that builds it if there is no `build` script; null: nothing is built. */
  readonly build: string | null;
  readonly output: string;
  /** Unknown paths get the index page, for the router in the browser. */
  readonly fallback: boolean;
}

/** The first whose package exists is used, so frameworks come before those they are based on. */
const servers: readonly FrameworkServer[] = [
  { name: "Next.js", package: "next", build: "next build", start: ["next", "start"] },
  { name: "Nuxt", package: "nuxt", build: "nuxt build", start: ["node", ".output/server/index.mjs"] },
  {
    name: "React Router",
    package: "@react-router/serve",
    build: "react-router build",
    start: ["react-router-serve", "./build/server/index.js"],
  },
  {
    name: "Remix",
    package: "@remix-run/serve",
    build: "remix vite:build",
    start: ["remix-serve", "./build/server/index.js"],
  },
  { name: "SvelteKit", package: "@sveltejs/adapter-node", build: "vite build", start: ["node", "build"] },
  {
    name: "Astro",
    package: "@astrojs/node",
    build: "astro build",
    start: ["node", "dist/server/entry.mjs"],
    env: { HOST: "0.0.0.0" },
  },
  { name: "Nest", package: "@nestjs/core", build: "nest build", start: ["node", "dist/main.js"] },
  ...[
    ["Fastify", "fastify"],
    ["Hono", "hono"],
    ["Koa", "koa"],
    ["hapi", "@hapi/hapi"],
    ["Express", "express"],
  ].map(([name = "", found = ""]) => ({ name, package: found, build: null, start: null })),
];

const frontEnds: readonly FrontEnd[] = [
  { name: "Create React App", package: "react-scripts", build: "react-scripts build", output: "build", fallback: true },
  { name: "Angular", package: "@angular/cli", build: "ng build", output: "dist", fallback: true },
  { name: "Vue CLI", package: "@vue/cli-service", build: "vue-cli-service build", output: "dist", fallback: true },
  { name: "Docusaurus", package: "@docusaurus/core", build: "docusaurus build", output: "build", fallback: false },
  { name: "Gatsby", package: "gatsby", build: "gatsby build", output: "public", fallback: false },
  { name: "Eleventy", package: "@11ty/eleventy", build: "eleventy", output: "_site", fallback: false },
  { name: "Astro", package: "astro", build: "astro build", output: "dist", fallback: false },
  { name: "SvelteKit", package: "@sveltejs/adapter-static", build: "vite build", output: "build", fallback: false },
  { name: "Vite", package: "vite", build: "vite build", output: "dist", fallback: true },
  { name: "Parcel", package: "parcel", build: "parcel build", output: "dist", fallback: true },
];

export function serverOf(one: NodePackage): FrameworkServer | null {
  return servers.find((server) => uses(one, server.package)) ?? null;
}

/** The front end that a package builds, with its output directory if configured. */
export function frontEndOf(tree: Tree, one: NodePackage): FrontEnd | null {
  const found = frontEnds.find((front) => uses(one, front.package));
  if (!found) return null;
  return { ...found, output: outputOf(tree, one, found) ?? found.output };
}

function outputOf(tree: Tree, { directory }: NodePackage, front: FrontEnd): string | null {
  if (front.name === "Angular") return angularOutput(tree, directory);
  const config = configOf(tree, directory, front.name === "Vite" ? "vite.config" : front.package);
  return plainDirectory(/\boutDir\s*:\s*["'`]([\w./-]{1,200})["'`]/.exec(config)?.[1] ?? null);
}

/** Angular 17 and later puts the pages into `browser/`. */
function angularOutput(tree: Tree, directory: string): string | null {
  const config = tree.json(join(directory, "angular.json"));
  const [project] = namesOf(config?.get("projects"));
  if (project === undefined) return null;
  const options = `projects.${project}.architect.build`;
  const given =
    plainDirectory(textMember(config, `${options}.options.outputPath`)) ?? plainDirectory(`dist/${project}`);
  const modern = /:application$/.test(textMember(config, `${options}.builder`) ?? "");
  return given && (modern ? `${given}/browser` : given);
}

function plainDirectory(path: string | null): string | null {
  const trimmed = path?.replace(/^\.\//, "").replace(/\/+$/, "") ?? "";
  return /^[\w-][\w./-]*$/.test(trimmed) && !trimmed.includes("..") ? trimmed : null;
}

/** The text of `name.js`, `.ts` and their siblings; empty when there is none. */
export function configOf(tree: Tree, directory: string, name: string): string {
  const file = tree.first(
    ["js", "ts", "mjs", "mts", "cjs", "cts"].map((ending) => join(directory, `${name}.${ending}`)),
  );
  return (file && tree.text(file)) ?? "";
}

/** The output mode of Next.js. */
export function nextOutput(tree: Tree, directory: string): "export" | "standalone" | null {
  const found = /\boutput\s*:\s*["'`](export|standalone)["'`]/.exec(configOf(tree, directory, "next.config"));
  return (found?.[1] as "export" | "standalone" | undefined) ?? null;
}
