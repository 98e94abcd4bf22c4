import { comment, copy, type DockerfileLine, isPlainPath } from "../dockerfile.ts";
import { join } from "../tree.ts";
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

function manifestsFirst({ root, manager, workspaces, extra, installScripts }: NodeProject): readonly DockerfileLine[] {
  const files = ["package.json", ...manager.files];
  const lines = [
    comment("Packages first: they are installed again only when one of these files changes."),
    copy(files, "./"),
    ...extra.filter(isPlainPath).map((directory) => copy([directory], `${directory}/`)),
    ...workspaces.members.map(({ directory }) => copy([join(directory, "package.json")], `${directory}/`)),
  ];
  if (installScripts.length > 0 && root.directory === "") {
    const names = installScripts.map((name) => `scripts.${name}`).join(" ");
    lines.push(
      comment("Scripts that run on install need the source, which is not there yet."),
      `RUN npm pkg delete ${names}`,
    );
  }
  return lines;
}
