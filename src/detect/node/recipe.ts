import { baseImage } from "../base.ts";
import { withoutComments } from "../code.ts";
import { defaultPort, dockerfileText, inDirectory } from "../dockerfile.ts";
import { listensAnyway, portInCode } from "../port.ts";
import type { LanguageReader } from "../reader.ts";
import { nextReadyPath, nodeRoute, readyPath } from "../ready.ts";
import type { BuildChoice, MachineNeed, Recipe, ServiceIdea, VariableIdea } from "../recipe.ts";
import { filesService, filesStage } from "../static/server.ts";
import { baseName, join, type Tree } from "../tree.ts";
import type { FrontEnd } from "./frameworks.ts";
import { nodeFirstStep } from "./install.ts";
import { loneServer } from "./lone.ts";
import { bunNeed } from "./manager.ts";
import { nodeNeed } from "./need.ts";
import { readPackage } from "./package.ts";
import { type NodeProject, nodeProject } from "./project.ts";
import { scriptCalled } from "./script.ts";
import { buildStage, type ImageLayout, stagesOf, startCommandOf } from "./stages.ts";
import { requiredVariables } from "./variables.ts";

export const node: LanguageReader = {
  language: "node",
  files: ["package.json"],
  meaning(command, tree) {
    const root = readPackage(tree, "");
    return (root && scriptCalled(root, command)?.command) ?? command;
  },
  recognise(tree, build) {
    const found = tree.has("package.json") ? nodeProject(tree) : loneServer(tree, build);
    return "runs" in found ? nodeRecipe(tree, found, build) : found;
  },
};

/** The Dockerfile of a Node project: packages, then the source, then a final stage without build tools. */
function nodeRecipe(tree: Tree, project: NodeProject, build: BuildChoice): Recipe {
  const base = baseImage(build, "node", `node:${project.node.tag}-slim`);
  const layout: ImageLayout = {
    project,
    image: base.image,
    sourceFirst: project.workspaces.obstacle,
    keepsAll: keepsAll(tree, project),
  };
  const warnings = [...base.warnings, ...project.warnings, ...layoutWarnings(layout)];
  const title = `${titleOf(project)}, packages by ${project.manager.name}, Node ${project.node.tag}`;
  const { runs } = project;
  if (runs.kind === "files") return filesRecipe(tree, layout, { front: runs.front, build, title, warnings });
  const ready =
    project.server?.package === "next"
      ? nextReadyPath(tree)
      : readyPath(tree, tree.sources(/\.[cm]?[jt]s$/), nodeRoute);
  const stages = stagesOf(layout, runs.start, ready);
  const { process } = runs.start;
  const fixed = project.server?.start ? null : portInCode(codeOf(tree));
  if (fixed !== null) warnings.push(listensAnyway(fixed));
  const web = {
    name: process ?? mainName(project),
    run: startCommandOf(runs.start, project),
    port: process === undefined ? (fixed ?? defaultPort) : null,
    ready,
    release: project.release,
    single: false,
  };
  const production = { name: "NODE_ENV", secret: false, generate: null, value: "production" };
  return {
    variables: [production, ...address(project), ...requiredVariables(tree)],
    build: processBuild(project, layout.keepsAll),
    firstStep: nodeFirstStep(tree, layout, installOf(project, layout.keepsAll)),
    needs: needsOf(project),
    language: "node",
    evidence: "declared",
    dockerfile: dockerfileText(title, stages),
    summary: title,
    warnings,
    services: [web, ...otherServices(project)],
  };
}

/** AdonisJS does not start without an address. */
function address({ server }: NodeProject): readonly VariableIdea[] {
  const isAsked = server?.package === "@adonisjs/core";
  return isAsked ? [{ name: "HOST", secret: false, generate: null, value: "0.0.0.0" }] : [];
}

/** The same without an image: packages and build, in a copy of the source. */
function processBuild(project: NodeProject, kept: string | null): readonly string[] | null {
  const { manager, build } = project;
  const variables = manager.variables.length === 0 ? "" : `export ${manager.variables.join(" ")} && `;
  const install = installOf(project, kept);
  if (build === null) return variables === "" ? install.split(" ") : ["sh", "-c", `${variables}${install}`];
  const go = build.directory === "" ? "" : `cd ${build.directory} && `;
  return ["sh", "-c", `${variables}${install} && ${go}${build.command}`];
}

function installOf({ manager, build }: NodeProject, kept: string | null): string {
  return kept === null && build === null ? manager.installProduction : manager.installAll;
}

/** The code of an app, without comments. */
function* codeOf(tree: Tree): Generator<string> {
  const files = tree.sources(/\.[cm]?[jt]s$/).filter((file) => !/\.(?:test|spec|config|d)\./.test(file));
  for (const file of files.slice(0, 300)) yield withoutComments(tree.text(file) ?? "");
}

/** A service for each of several apps of one build, by the name of its directory. */
function otherServices(project: NodeProject): readonly ServiceIdea[] {
  const taken = new Set([mainName(project)]);
  return project.others.flatMap(({ directory, start }) => {
    const name = serviceName(directory);
    if (taken.has(name)) return [];
    taken.add(name);
    const run = inDirectory(directory, start.command);
    const port = start.process === undefined ? defaultPort : null;
    return [{ name, run, port, ready: null, release: null, single: false }];
  });
}

function mainName({ app, others }: NodeProject): string {
  return others.length === 0 ? "web" : serviceName(app.directory);
}

function serviceName(directory: string): string {
  const name = baseName(directory)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "");
  return name.slice(0, 40) || "web";
}

function needsOf({ node, manager, runs }: NodeProject): readonly MachineNeed[] {
  const bun = runs.kind === "server" && manager.name !== "bun" && runs.start.command[0] === "bun";
  const needs = bun ? [...manager.needs, bunNeed] : manager.needs;
  const need = nodeNeed(node);
  return need === null ? needs : [need, ...needs];
}

function titleOf({ server, runs, app }: NodeProject): string {
  const name = runs.kind === "files" ? `${runs.front.name} front end` : (server?.name ?? "Node");
  return app.directory === "" ? name : `${name} in ${app.directory}`;
}

function keepsAll(tree: Tree, { installScripts, runs, app, release, server }: NodeProject): string | null {
  if (runs.kind !== "server") return null;
  const script = installScripts.find((name) => name !== "prepare");
  if (script) return `the script "${script}" may create files in node_modules`;
  if (release !== null && !app.dependencies.has("prisma")) return "the release command needs prisma, a devDependency";
  // Next.js compiles its configuration at each start, not only in the build.
  const config = ["ts", "mts"].map((ending) => `next.config.${ending}`).find((at) => tree.has(join(app.directory, at)));
  if (server?.package === "next" && config !== undefined && !app.dependencies.has("typescript"))
    return `Next.js reads ${config} at its start with typescript, which is no dependency`;
  const { needs } = runs.start;
  if (needs === null || app.dependencies.has(needs)) return null;
  return app.devDependencies.has(needs) ? `the app is started with ${needs}, which is a devDependency` : null;
}

function layoutWarnings({ sourceFirst, keepsAll: kept, project }: ImageLayout): readonly string[] {
  const warnings: string[] = [];
  if (sourceFirst !== null) warnings.push(`every change of the source installs all packages again: ${sourceFirst}`);
  if (kept !== null) warnings.push(`build packages stay in the image: ${kept}`);
  if (project.runs.kind !== "server") return warnings;
  const { needs, warnings: ofScript = [] } = project.runs.start;
  warnings.push(...ofScript);
  if (needs !== null && kept === null && !project.app.dependencies.has(needs))
    warnings.push(`the app is started with ${needs}, which must be in "dependencies"`);
  return warnings;
}

/** A front end: built in the package stage, served as files. */
function filesRecipe(
  tree: Tree,
  layout: ImageLayout,
  {
    front,
    build,
    title,
    warnings,
  }: { front: FrontEnd; build: BuildChoice; title: string; warnings: readonly string[] },
): Recipe {
  const path = join(layout.project.app.directory, front.output);
  const files = filesStage(build, { from: "builder", path, fallback: front.fallback });
  return {
    language: "static",
    evidence: "declared",
    dockerfile: dockerfileText(title, [buildStage(layout), files.lines]),
    summary: title,
    warnings: [...warnings, ...files.warnings],
    services: [filesService({ path: join(layout.project.app.directory, front.output), fallback: front.fallback })],
    variables: [],
    build: processBuild(layout.project, null),
    firstStep: nodeFirstStep(tree, layout, installOf(layout.project, null)),
    needs: needsOf(layout.project),
  };
}
