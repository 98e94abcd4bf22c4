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
  {
    name: "AdonisJS",
    package: "@adonisjs/core",
    build: "node ace build",
    start: ["node", "build/bin/server.js"],
    env: { HOST: "0.0.0.0" },
  },
  { name: "Strapi", package: "@strapi/strapi", build: "strapi build", start: ["strapi", "start"] },
  ...["nitro", "nitropack"].map((name) => ({
    name: "Nitro",
    package: name,
    build: "nitro build",
    start: ["node", ".output/server/index.mjs"],
  })),
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
  { name: "VitePress", package: "vitepress", build: "vitepress build", output: ".vitepress/dist", fallback: null },
  { name: "VuePress", package: "vuepress", build: "vuepress build", output: ".vuepress/dist", fallback: null },
  {
    name: "Ember",
    package: "ember-cli",
    build: "ember build --environment=production",
    output: "dist",
    fallback: "index.html",
  },
  { name: "Quasar", package: "@quasar/app-vite", build: "quasar build", output: "dist/spa", fallback: "index.html" },
  { name: "Quasar", package: "@quasar/app-webpack", build: "quasar build", output: "dist/spa", fallback: "index.html" },
  {
    name: "Expo",
    package: "react-native-web",
    build: "expo export --platform web",
    output: "dist",
    fallback: "index.html",
  },
  { name: "Vite", package: "vite", build: "vite build", output: "dist", fallback: "index.html" },
  { name: "Parcel", package: "parcel", build: "parcel build", output: "dist", fallback: "index.html" },
  {
    name: "webpack",
    package: "html-webpack-plugin",
    build: "webpack --mode production",
    output: "dist",
    fallback: "index.html",
  },
];

/** Packages that make a framework build for one hosting platform; what to use in their place. */
const forPlatforms: readonly (readonly [RegExp, string])[] = [
  [/^@sveltejs\/adapter-(?:vercel|netlify|cloudflare(?:-workers)?)$/, "@sveltejs/adapter-node"],
  [/^@astrojs\/(?:vercel|netlify|cloudflare)$/, "@astrojs/node"],
  [
    /^@(?:react-router|remix-run)\/(?:architect|cloudflare(?:-pages)?|netlify|vercel|deno)$/,
    "@react-router/serve or @remix-run/serve",
  ],
];

/** Why the build of a package runs nowhere but on one platform; null: it is not so. */
export function onlyForPlatform(one: NodePackage): string | null {
  if (serverOf(one)?.start != null) return null;
  for (const name of [...one.dependencies, ...one.devDependencies]) {
    const instead = forPlatforms.find(([pattern]) => pattern.test(name))?.[1];
    if (instead !== undefined)
      return `package.json: ${name} builds for that platform only; ${instead} builds a server that runs here`;
  }
  return null;
}

/** The start of a framework whose output has another place by its configuration; null: the usual one. */
export function ownCommand(tree: Tree, { directory }: NodePackage, server: FrameworkServer): readonly string[] | null {
  if (server.package !== "@sveltejs/adapter-node") return null;
  const config = configOf(tree, directory, "svelte.config");
  const output = plainDirectory(
    /\badapter\(\s*\{[^}]*\bout\s*:\s*["'`]([\w./-]{1,200})["'`]/.exec(config)?.[1] ?? null,
  );
  return output === null ? null : ["node", output];
}

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

/** Pages beside which a script builds what they show: styles by Tailwind, a bundle by webpack. */
export function builtPages(tree: Tree, one: NodePackage): FrontEnd | null {
  const output = ["dist", "build", "public", "www", ""].find((place) =>
    tree.has(join(one.directory, join(place, "index.html"))),
  );
  if (output === undefined || buildScriptOf(one, null) === null) return null;
  return { name: "Static", package: "", build: null, output: output === "" ? "." : output, fallback: null };
}

/** Frameworks with a server that build only pages when they are told so. */
export function onlyPages(tree: Tree, { directory, scripts, ...one }: NodePackage): FrontEnd | null {
  const build = scripts.get("build") ?? "";
  const next = nextConfig(tree, directory);
  const exports = next.output === "export" || /\bnext\s+export\b/.test(build);
  if (exports && uses({ directory, scripts, ...one }, "next"))
    return { ...nextExport, output: next.output === "export" ? next.directory : "out" };
  if (/\bnuxt\s+generate\b/.test(build))
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

const nextExport: FrontEnd = { name: "Next.js", package: "next", build: "next build", output: "out", fallback: null };

/** Where a front end says its output: the file of its configuration, without ending, and the key. */
const outputs: Readonly<Record<string, readonly [files: readonly string[], key: string]>> = {
  Vite: [["vite.config"], "outDir"],
  Astro: [["astro.config"], "outDir"],
  SvelteKit: [["svelte.config"], "pages"],
  Eleventy: [[".eleventy", "eleventy.config"], "output"],
  "Vue CLI": [["vue.config"], "outputDir"],
};

function outputOf(tree: Tree, one: NodePackage, front: FrontEnd): string | null {
  const { directory } = one;
  if (front.name === "Angular") return angularOutput(tree, directory);
  const script = one.scripts.get(buildScriptOf(one, front.build) ?? "") ?? front.build ?? "";
  if (/Press$/.test(front.name)) return plainDirectory(join(pressRoot(script, front.package), front.output));
  const flag = /\s(?:--outDir|--out-dir|--dist-dir|--output|--output-path|--out)[\s=]["']?([\w./-]{1,200})/.exec(
    script,
  )?.[1];
  const [files, key] = outputs[front.name] ?? [[], ""];
  const config = files.map((file) => configOf(tree, directory, file)).join("\n");
  const root = front.name === "Vite" ? (/^\s*root\s*:\s*["'`]([\w./-]{1,100})["'`]/m.exec(config)?.[1] ?? "") : "";
  const found =
    flag ?? (key === "" ? undefined : new RegExp(`\\b${key}\\s*:\\s*["'\`]([\\w./-]{1,200})["'\`]`).exec(config)?.[1]);
  return plainDirectory(below(root, found ?? (root === "" ? "" : front.output)));
}

/** `docs` of `vitepress build docs`. */
function pressRoot(script: string, program: string): string {
  return new RegExp(`\\b${program}\\s+build\\s+([\\w][\\w./-]{0,100})`).exec(script)?.[1] ?? "";
}

/** A path as a directory of the source sees it: `www` of `../www` below `src`. */
function below(root: string, path: string): string {
  const parts = root.replace(/^\.\//, "").split("/").filter(Boolean);
  for (const part of path.split("/").filter(Boolean)) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Names of scripts that build, as their authors call them. `heroku-postbuild` is for building where the app then runs. */
const buildScripts = ["heroku-postbuild", "build", "build:prod", "build:production", "compile"];

/** The script that builds a package: by its name, or by the program that it calls; null: none. */
export function buildScriptOf({ scripts }: NodePackage, program: string | null): string | null {
  const named = buildScripts.find((name) => scripts.has(name));
  if (named !== undefined || program === null) return named ?? null;
  const [name] = [...scripts].find(([, text]) => text.includes(program)) ?? [];
  return name !== undefined && /^[\w:.-]{1,80}$/.test(name) ? name : null;
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
