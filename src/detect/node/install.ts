import { comment, copy, type DockerfileLine, isPlainPath } from "../dockerfile.ts";
import { installFiles } from "../first-step.ts";
import type { FirstStep } from "../recipe.ts";
import { join, type Tree } from "../tree.ts";
import type { NodeProject } from "./project.ts";

export interface InstallLayout {
  readonly project: NodeProject;
  readonly image: string;
  readonly sourceFirst: string | null;
}

/** A stage with the package manager and the files that packages are installed from. */
export function packagesStage(
  { project, image, sourceFirst }: InstallLayout,
  stage: string,
): readonly DockerfileLine[] {
  const { manager, node } = project;
  return [
    comment(`Node ${node.tag}: ${node.why}.`),
    `FROM ${image} AS ${stage}`,
    "WORKDIR /app",
    ...manager.setup,
    ...(sourceFirst === null
      ? manifestsFirst(project)
      : [comment(`The whole source first: ${sourceFirst}.`), "COPY . ."]),
  ];
}

export function installProduction({ manager }: NodeProject): readonly DockerfileLine[] {
  return [comment("Only the packages that are needed to run."), `RUN ${manager.installProduction}`];
}

export function installAll({ manager }: NodeProject): readonly DockerfileLine[] {
  return [comment("All packages, also those that build."), `RUN ${manager.installAll}`];
}

/** The same on plain processes; null if the source must be there first. */
export function nodeFirstStep(tree: Tree, { project, sourceFirst }: InstallLayout, install: string): FirstStep | null {
  if (sourceFirst !== null) return null;
  const { manager, extra, workspaces, installScripts } = project;
  const members = workspaces.members.map(({ directory }) => join(directory, "package.json"));
  const files = ["package.json", ...manager.files, ...extra.filter(isPlainPath), ...members];
  return {
    files: installFiles(tree, files),
    setup: manager.variables.length === 0 ? [] : [`export ${manager.variables.join(" ")}`],
    without: installScripts.length === 0 ? [] : [withoutScripts(installScripts)],
    install: [install],
    alike: new RegExp(`^(?:${manager.name} (?:ci|install|i)|yarn)(?: --?(?!-|${elsewhere.source})[\\w=.-]+)*$`),
    late: lateScripts(project),
    interpreters: ["node"],
    tools: [manager.name],
  };
}

/** Options that choose other packages or another place. */
const elsewhere = /(?:prefix|cwd|dir|C|global|g|location|workspaces?|w|filter|F|userconfig)\b/;

/** Scripts that the package manager runs on install, for the time when the source is there. */
export function lateScripts({ installScripts, manager }: NodeProject): readonly string[] {
  return installScripts.filter((name) => name !== "prepare").map((script) => `${manager.name} run ${script}`);
}

function withoutScripts(names: readonly string[]): string {
  return `npm pkg delete ${names.map((name) => `scripts.${name}`).join(" ")}`;
}

function manifestsFirst({ root, manager, workspaces, extra, installScripts }: NodeProject): readonly DockerfileLine[] {
  const files = ["package.json", ...manager.files];
  const lines = [
    comment("Packages first: they are installed again only when one of these files changes."),
    copy(files, "./"),
    ...extra.filter(isPlainPath).map((directory) => copy([directory], `${directory}/`)),
    ...workspaces.members.map(({ directory }) => copy([join(directory, "package.json")], `${directory}/`)),
  ];
  if (installScripts.length > 0 && root.directory === "") {
    lines.push(
      comment("Scripts that run on install need the source, which is not there yet."),
      `RUN ${withoutScripts(installScripts)}`,
    );
  }
  return lines;
}
