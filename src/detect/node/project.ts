import { isPlainPath } from "../dockerfile.ts";
import { privateIndexes } from "../indexes.ts";
import { readProcfile } from "../procfile.ts";
import { baseName, join, type Tree } from "../tree.ts";
import type { ChosenVersion } from "../version-line.ts";
import {
  buildScriptOf,
  builtPages,
  type FrameworkServer,
  type FrontEnd,
  frontEndOf,
  nextConfig,
  onlyForPlatform,
  onlyPages,
  serverOf,
} from "./frameworks.ts";
import { type Manager, managerOf } from "./manager.ts";
import { installScripts, type NodePackage, readPackage, uses } from "./package.ts";
import { scriptCalled } from "./script.ts";
import { byScript, processName, type Start, servedFiles, startOf } from "./start.ts";
import { chooseNode } from "./version.ts";
import { type Workspaces, workspacesOf } from "./workspaces.ts";

/** The detected Node project, which determines the Dockerfile. */
export interface NodeProject {
  readonly root: NodePackage;
  /** The package that is started or served: the root, or one of its workspaces. */
  readonly app: NodePackage;
  /** The other workspaces that are started, of the same build. */
  readonly others: readonly { readonly directory: string; readonly start: Start }[];
  readonly workspaces: Workspaces;
  readonly manager: Manager;
  readonly node: ChosenVersion;
  readonly server: FrameworkServer | null;
  /** How it is built; null if there is nothing to build. */
  readonly build: Build | null;
  readonly runs: Runs;
  /** Scripts of the root that run on install and need the source. */
  readonly installScripts: readonly string[];
  /** Directories that installs read. */
  readonly extra: readonly string[];
  /** The command that migrates the database; null if unknown. */
  readonly release: readonly string[] | null;
  readonly warnings: readonly string[];
}

export interface Build {
  readonly command: string;
  /** Where the command runs: the root's script builds everything, otherwise the app's. */
  readonly directory: string;
}

export type Runs =
  | { readonly kind: "server"; readonly start: Start }
  | { readonly kind: "files"; readonly front: FrontEnd }
  /** Next.js with a server that needs no node_modules. */
  | { readonly kind: "standalone"; readonly start: Start; readonly directory: string };

export type NodeFinding = NodeProject | { readonly lookedFor: readonly string[] };

/** A source with a package.json, otherwise what was searched for without success. */
export function nodeProject(tree: Tree): NodeFinding {
  const root = readPackage(tree, "");
  if (root === null) return { lookedFor: [`package.json: ${tree.broken.get("package.json") ?? "does not exist"}`] };
  const workspaces = workspacesOf(tree, root);
  const { started: candidates, left } = appsOf(tree, root, workspaces.members);
  const [found, ...rest] = mainFirst(candidates);
  if (found === undefined) return { lookedFor: nothingStarts(root, workspaces.members) };
  const others = rest.flatMap(({ app: { directory }, runs }) =>
    runs.kind === "server" ? [{ directory, start: runs.start }] : [],
  );
  if (found.runs.kind !== "server" ? rest.length > 0 : others.length < rest.length)
    return { lookedFor: [severalStart(candidates.map(({ app }) => app.directory))] };
  const { app, runs } = found;
  const manager = managerOf(tree, root);
  const node = chooseNode(tree, app === root ? [root] : [root, app]);
  const warning = serverOf(app)?.warning;
  const build = buildOf(tree, { root, app, others: [...rest, ...left].map((one) => one.app), manager, runs });
  return {
    root,
    app,
    others,
    workspaces,
    manager,
    node,
    server: serverOf(app),
    build,
    runs,
    installScripts: installScripts(root),
    extra: ["patches", ".yarn/patches", ".yarn/plugins", ".yarn/releases"].filter((one) => tree.hasDirectory(one)),
    release: runs.kind === "files" ? null : migrationOf(tree, app),
    warnings: [
      ...manager.warnings,
      ...node.warnings,
      ...privateIndexes(tree, [".npmrc"]),
      ...(warning && runs.kind === "server" ? [warning] : []),
      ...severalPrograms(app, runs),
      ...left.flatMap((one) => servedByNobody(tree, one, app) ?? []),
    ],
  };
}

/** A start script of several programs: one of them is the service. */
function severalPrograms({ scripts }: NodePackage, runs: Runs): readonly string[] {
  const isSeveral = /\b(?:concurrently|run-p|npm-run-all\s+(?:-p|--parallel))\s/.test(scripts.get("start") ?? "");
  if (!isSeveral || runs.kind !== "server") return [];
  const run = runs.start.command.join(" ");
  return [`the start script starts several programs, of which \`${run}\` runs: write a Procfile with a line for each`];
}

/** A front end beside a server is served by it, or by nobody. */
function servedByNobody(tree: Tree, { app, runs }: App, server: NodePackage): string | null {
  const name = baseName(app.directory);
  const files = tree.sources(/\.[cm]?[jt]s$/).filter((file) => file.startsWith(`${server.directory}/`));
  if (files.some((file) => tree.text(file)?.includes(`${name}/`))) return null;
  const output = runs.kind === "files" ? join(app.directory, runs.front.output) : app.directory;
  return `${app.directory} is a front end that no service serves: serve ${output} from ${server.directory}, or deploy ${app.directory} as an app of its own`;
}

function nothingStarts(root: NodePackage, members: readonly NodePackage[]): readonly string[] {
  const { scripts, main } = root;
  const start = scripts.get("start");
  return [
    ...[root, ...members].flatMap((one) => onlyForPlatform(one) ?? []),
    `package.json: ${start === undefined ? 'no script "start"' : 'its script "start" is a development server'}`,
    `package.json: ${main === null ? 'no "main"' : '"main" names no file, or a library that answers no HTTP'}`,
    "a server framework (Next.js, Nuxt, Remix, Nest, Express, Fastify, Hono, …) or a front end that is built (Vite, …)",
    "server.js, index.js, app.js, main.js, also in src/, that listens",
  ];
}

/** Names of what is shown to visitors, before those of what serves it. */
const usualMain = ["web", "www", "app", "site", "frontend", "client", "api", "server", "backend"];

function mainFirst(apps: readonly App[]): readonly App[] {
  const rank = ({ app }: App) =>
    (usualMain.indexOf(baseName(app.directory)) + usualMain.length + 1) % (usualMain.length + 1);
  return [...apps].sort((a, b) => rank(a) - rank(b));
}

function severalStart(directories: readonly string[]): string {
  return `package.json: ${directories.slice(0, 8).join(", ")} can all be served, but not by one image; add the right "start" script to the top package.json`;
}

interface App {
  readonly app: NodePackage;
  readonly runs: Runs;
}

/** The root if it can be started, otherwise all workspaces that can. Front ends beside servers are left over. */
function appsOf(
  tree: Tree,
  root: NodePackage,
  members: readonly NodePackage[],
): { readonly started: readonly App[]; readonly left: readonly App[] } {
  const own = runsOf(tree, root);
  if (own) return { started: [{ app: root, runs: own }], left: [] };
  // A directory's name gets into commands.
  const found = members
    .filter(({ directory }) => isPlainPath(directory))
    .flatMap((app) => {
      const runs = runsOf(tree, app);
      return runs ? [{ app, runs }] : [];
    });
  const started = found.filter(({ app }) => app.scripts.has("start") || serverOf(app)?.start != null);
  if (started.length === 0) return { started: found, left: [] };
  return { started, left: found.filter((one) => !started.includes(one) && one.runs.kind === "files") };
}

/** What the line `web` of a Procfile starts, and the script that it calls: `npm start`. */
function procfileStart(app: NodePackage, web: readonly string[], server: FrameworkServer | null): Start {
  const called = scriptCalled(app, web);
  const because = "The line web of the Procfile.";
  return called === null
    ? { command: web, because, needs: null }
    : { ...byScript("", called, { one: app, server }), because };
}

function runsOf(tree: Tree, app: NodePackage): Runs | null {
  const server = serverOf(app);
  const web = app.directory === "" ? readProcfile(tree).get("web") : undefined;
  if (web) return { kind: "server", start: procfileStart(app, web, server) };
  if (server?.package === "next") {
    const { output, directory } = nextConfig(tree, app.directory);
    const plain = !app.scripts.has("start") || app.scripts.get("start")?.trim() === "next start";
    if (output === "standalone" && plain && app.directory === "")
      return { kind: "standalone", start: standalone(directory), directory };
  }
  const files = onlyPages(tree, app) ?? servedFiles(app);
  if (files !== null) return { kind: "files", front: files };
  const front = frontEndOf(tree, app);
  const scripted = startOf(tree, app, buildScriptOf(app, null) !== null);
  const serves = scripted !== null && (front === null || server !== null || app.scripts.has("start"));
  const own = processName(tree, app);
  if (serves) return { kind: "server", start: own === null ? scripted : { ...scripted, process: own } };
  if (front) return onlyForPlatform(app) === null ? { kind: "files", front } : null;
  const pages = builtPages(tree, app);
  if (pages) return { kind: "files", front: pages };
  const [first] = app.directory === "" ? [...readProcfile(tree)].filter(([name]) => name !== "release") : [];
  if (first === undefined) return null;
  const [process, command] = first;
  return { kind: "server", start: { command, because: `The line ${process} of the Procfile.`, needs: null, process } };
}

function standalone(directory: string): Start {
  return {
    command: ["node", `${directory}/standalone/server.js`],
    because: "The server that Next.js makes for `output: standalone`.",
    needs: null,
  };
}

interface Built {
  readonly root: NodePackage;
  readonly app: NodePackage;
  /** Other packages of the workspace that belong to the app. */
  readonly others: readonly NodePackage[];
  readonly manager: Manager;
  readonly runs: Runs;
}

function buildOf(tree: Tree, { root, app, others, manager, runs }: Built): Build | null {
  const server = runs.kind === "files" ? null : serverOf(app);
  const program = runs.kind === "files" ? runs.front.build : (server?.build ?? null);
  const script = (one: NodePackage) => buildScriptOf(one, program);
  const scripted = [root, app].find((one) => script(one) !== null);
  const own = scripted ? `${manager.name} run ${script(scripted)}` : program && `npx --no-install ${program}`;
  const steps = [
    generatesPrisma(tree, app) ? "npx --no-install prisma generate" : null,
    own && `${server?.buildEnv ? `${server.buildEnv} ` : ""}${own}`,
    ...(runs.kind === "files" || own ? [] : stepsOfStart(tree, app, runs.start)),
    ...(runs.kind === "standalone" ? besideStandalone(tree, runs.directory) : []),
  ].filter((step) => step !== null);
  const directory = scripted?.directory ?? app.directory;
  const builds = scripted === root ? [] : others.filter((one) => buildScriptOf(one, null) !== null);
  const also = builds.map(
    (one) =>
      `(cd ${"../".repeat(directory.split("/").length)}${one.directory} && ${manager.name} run ${buildScriptOf(one, null)})`,
  );
  return steps.length === 0 && also.length === 0 ? null : { command: [...steps, ...also].join(" && "), directory };
}

/** What the start script builds itself, otherwise the compiler where the file that it starts does not exist yet. */
function stepsOfStart(tree: Tree, app: NodePackage, { command, before = [] }: Start): readonly string[] {
  if (before.length > 0)
    return before.map((step) => (/^(?:tsc|rimraf)\b/.test(step) ? `npx --no-install ${step}` : step));
  const file = command[0] === "node" ? command.at(-1)?.replace(/^\.\//, "").replace(/\/$/, "") : undefined;
  const isMade = file !== undefined && /^(?:dist|build|lib|out)(?:\/|$)/.test(file);
  const exists = [file, `${file}.js`, `${file}/index.js`].some((one) => tree.has(join(app.directory, one ?? "")));
  const compiles = isMade && !exists && uses(app, "typescript") && tree.has(join(app.directory, "tsconfig.json"));
  return compiles ? ["npx --no-install tsc"] : [];
}

/** The server that Next.js makes finds pages and public files only beside itself. */
function besideStandalone(tree: Tree, directory: string): readonly string[] {
  const into = `${directory}/standalone`;
  const pages = `cp -r ${directory}/static ${into}/${directory}/static`;
  return tree.hasDirectory("public") ? [pages, `cp -r public ${into}/public`] : [pages];
}

/** Whether Prisma's client must be made and no script does it. */
function generatesPrisma(tree: Tree, app: NodePackage): boolean {
  const isMade = [...app.scripts.values()].some((script) => /\bprisma\s+(?:\S+\s+)*generate\b/.test(script));
  return app.directory === "" && usesPrisma(tree, app) && !isMade;
}

function usesPrisma(tree: Tree, app: NodePackage): boolean {
  return uses(app, "prisma") && tree.first(["prisma/schema.prisma", "schema.prisma"]) !== null;
}

/** `prisma migrate deploy`, if there are migrations. */
function migrationOf(tree: Tree, app: NodePackage): readonly string[] | null {
  const has = app.directory === "" && usesPrisma(tree, app) && tree.hasDirectory("prisma/migrations");
  return has ? ["prisma", "migrate", "deploy"] : null;
}
