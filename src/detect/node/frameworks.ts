import { withoutComments } from "../code.ts";
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
  /** Variables of its build. */
  readonly buildEnv?: string;
  /** What the user should know. */
  readonly warning?: string;
}

/** A front end that is built to files. */
export interface FrontEnd {
  readonly name: string;
  readonly package: string;
  /** The program that builds it if there is no `build` script; null: nothing is built. */
  readonly build: string | null;
  readonly output: string;
  /** The page of unknown paths, for the router in the browser; null: they have none. */
  readonly fallback: string | null;
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
    name: "SvelteKit",
    package: "@sveltejs/adapter-auto",
    build: "vite build",
    start: ["node", "build"],
    // It then takes adapter-node (svelte.dev/docs/kit/adapter-auto, "Google Cloud Run").
    buildEnv: "GCP_BUILDPACKS=1",
    warning:
      "adapter-auto of SvelteKit is built as for Cloud Run, with adapter-node: declare @sveltejs/adapter-node to fix its version",
  },
  { name: "SolidStart", package: "@solidjs/start", build: "vinxi build", start: ["node", ".output/server/index.mjs"] },
  { name: "Angular", package: "@angular/ssr", build: "ng build", start: null },
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
  {
    name: "Create React App",
    package: "react-scripts",
    build: "react-scripts build",
    output: "build",
    fallback: "index.html",
  },
  { name: "Angular", package: "@angular/cli", build: "ng build", output: "dist", fallback: "index.html" },
  {
    name: "Vue CLI",
    package: "@vue/cli-service",
    build: "vue-cli-service build",
    output: "dist",
    fallback: "index.html",
  },
  { name: "Docusaurus", package: "@docusaurus/core", build: "docusaurus build", output: "build", fallback: null },
  { name: "Gatsby", package: "gatsby", build: "gatsby build", output: "public", fallback: null },
  { name: "Eleventy", package: "@11ty/eleventy", build: "eleventy", output: "_site", fallback: null },
  { name: "Astro", package: "astro", build: "astro build", output: "dist", fallback: null },
  { name: "SvelteKit", package: "@sveltejs/adapter-static", build: "vite build", output: "build", fallback: null },
  { name: "Vite", package: "vite", build: "vite build", output: "dist", fallback: "index.html" },
  { name: "Parcel", package: "parcel", build: "parcel build", output: "dist", fallback: "index.html" },
];

export function serverOf(one: NodePackage): FrameworkServer | null {
  const found = servers.find((server) => uses(one, server.package)) ?? null;
  return found?.package === "@sveltejs/adapter-auto" && uses(one, "@sveltejs/adapter-static") ? null : found;
}

/** The front end that a package builds, with its output directory if configured. */
export function frontEndOf(tree: Tree, one: NodePackage): FrontEnd | null {
  const found = onlyPages(tree, one) ?? frontEnds.find((front) => uses(one, front.package));
  if (!found) return null;
  const page = found.package === "@sveltejs/adapter-static" ? fallbackPage(tree, one) : found.fallback;
  return { ...found, output: outputOf(tree, one, found) ?? found.output, fallback: page };
}

/** Frameworks with a server that build only pages when they are told so. */
export function onlyPages(tree: Tree, { directory, scripts, ...one }: NodePackage): FrontEnd | null {
  if (/\bnuxt\s+generate\b/.test(scripts.get("build") ?? ""))
    return { name: "Nuxt", package: "nuxt", build: "nuxt generate", output: ".output/public", fallback: "200.html" };
  const isSpa = /\bssr\s*:\s*false\b/.test(configOf(tree, directory, "react-router.config"));
  if (!isSpa || !uses({ directory, scripts, ...one }, "@react-router/dev")) return null;
  const [output, fallback] = ["build/client", "index.html"];
  return { name: "React Router", package: "@react-router/dev", build: "react-router build", output, fallback };
}

/** The page that adapter-static of SvelteKit makes for paths that are not known when it builds. */
function fallbackPage(tree: Tree, { directory }: NodePackage): string | null {
  const config = configOf(tree, directory, "svelte.config") + configOf(tree, directory, "vite.config");
  return /\bfallback\s*:\s*["'`]([\w.-]{1,100})["'`]/.exec(config)?.[1] ?? null;
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
  return /^\.?[\w-][\w./-]*$/.test(trimmed) && !trimmed.includes("..") ? trimmed : null;
}

/** The code of `name.js`, `.ts` and their siblings without comments; empty when there is none. */
export function configOf(tree: Tree, directory: string, name: string): string {
  const file = tree.first(
    ["js", "ts", "mjs", "mts", "cjs", "cts"].map((ending) => join(directory, `${name}.${ending}`)),
  );
  return withoutComments((file && tree.text(file)) ?? "");
}

export interface NextConfig {
  readonly output: "export" | "standalone" | null;
  /** The directory of its build. */
  readonly directory: string;
}

/** What the code of next.config says. */
export function nextConfig(tree: Tree, directory: string): NextConfig {
  const config = configOf(tree, directory, "next.config");
  const output = /\boutput\s*:\s*["'`](export|standalone)["'`]/.exec(config)?.[1] as NextConfig["output"] | undefined;
  const built = plainDirectory(/\bdistDir\s*:\s*["'`]([\w./-]{1,200})["'`]/.exec(config)?.[1] ?? null);
  return { output: output ?? null, directory: built ?? (output === "export" ? "out" : ".next") };
}
