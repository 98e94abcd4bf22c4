import { lstatSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import { decodeText } from "../../../base/text.ts";
import { detect } from "../../../detect/detect.ts";
import { serviceOfDockerfile } from "../../../detect/given.ts";
import { dockerignore } from "../../../detect/ignore.ts";
import { isRecipe, type Recipe, type SourceView } from "../../../detect/recipe.ts";
import { namePattern } from "../../../model/environment.ts";
import { defineCommand, optionalArgument } from "../../command.ts";
import { appNameFrom, firstManifest } from "../../first-manifest.ts";
import { textFlag, toggleFlag } from "../../flags.ts";
import { manifestName } from "../../place.ts";
import { filesBelow } from "../../source.ts";

export default defineCommand({
  about:
    "Detects the source – a Dockerfile, or a Node, Python or static app without one – and writes a first fairlead.yml for\nit. Shows it and asks before writing. It overwrites nothing and contacts no controller.",
  args: { dir: optionalArgument("Directory of the source; default: here") },
  flags: {
    name: textFlag("--name <name>", "The app's name; default: derived from the directory's name"),
    dockerfile: toggleFlag("--dockerfile", "Also write the generated Dockerfile, and a .dockerignore"),
  },
  examples: [
    ["fairlead init", "detect, show, ask, write"],
    ["fairlead init shop --name shop --yes", "without asking"],
    ["fairlead init --dockerfile", "also write a Dockerfile to edit"],
  ],
  async run({ args, flags, world }) {
    const directory = path.resolve(world.host.cwd, args.dir ?? ".");
    requireFree(directory, manifestName);
    const source = sourceIn(directory);
    const app = nameFor(flags.name, directory);
    const found = flags.dockerfile ? recognised(source) : (given(source) ?? recognised(source));
    const manifest = firstManifest({ app, ...found });
    const files = new Map([[manifestName, manifest]]);
    if (flags.dockerfile) {
      requireFree(directory, "Dockerfile");
      files.set("Dockerfile", found.dockerfile);
      if (!source.paths.includes(".dockerignore")) files.set(".dockerignore", dockerignore);
    }
    for (const [name, content] of files) {
      if (name !== ".dockerignore") world.say(`${world.paint.dim(`--- ${name}`)}\n${content.trimEnd()}`);
    }
    for (const warning of found.warnings) world.say(`${world.paint.yellow("warning:")} ${warning}`);
    await world.confirm(`Write ${[...files.keys()].join(", ")}?`);
    for (const [name, content] of files) writeNew(path.join(directory, name), content);
    return { app, summary: found.summary, warnings: found.warnings, written: [...files.keys()], manifest };
  },
  view({ summary, written }, paint) {
    return `${paint.green("written:")} ${written.join(", ")} – ${summary}\n${paint.dim("-> next: fairlead check, then fairlead up")}`;
  },
});

/** What goes into a manifest and beside it. */
type Found = Pick<Recipe, "dockerfile" | "summary" | "warnings" | "services" | "build" | "variables">;

function given(source: SourceView): Found | null {
  const dockerfile = source.paths.includes("Dockerfile") ? source.read("Dockerfile") : null;
  if (dockerfile === null) return null;
  const services = [serviceOfDockerfile(dockerfile)];
  return { dockerfile, summary: "its own Dockerfile", warnings: [], services, build: null, variables: [] };
}

function recognised(source: SourceView): Found {
  const found = detect(source, { base: {} });
  if (isRecipe(found)) return found;
  const diagnostics = found.lookedFor.map((message) => ({ path: "", message }));
  throw new Fault("build.unrecognised", "no way to run this source was found; looked for:", {
    diagnostics,
    hint: "Write a Dockerfile, or a fairlead.yml by hand (docs/manifest.md). Nothing was written.",
  });
}

/** Faults: `file.exists`, also for a link that leads nowhere. */
function requireFree(directory: string, name: string): void {
  if (!(statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    throw new Fault("usage.invalid", `${directory} is not a directory`);
  }
  if (lstatSync(path.join(directory, name), { throwIfNoEntry: false }))
    throw new Fault("file.exists", `${name} already exists`);
}

function writeNew(file: string, content: string): void {
  try {
    writeFileSync(file, content, { flag: "wx" });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    throw new Fault("file.exists", `${path.basename(file)} now exists`, { cause: error });
  }
}

function sourceIn(directory: string): SourceView {
  const read = (file: string) => {
    const bytes = readFileSync(path.join(directory, file));
    return bytes.length > 1_048_576 ? null : decodeText(bytes);
  };
  return { paths: filesBelow(directory).paths, read };
}

/** Faults: `usage.invalid` when the name given is none, or none can be made of what is there. */
function nameFor(given: string | undefined, directory: string): string {
  if (given !== undefined && namePattern.test(given)) return given;
  if (given === undefined) {
    const name = appNameFrom(path.basename(directory));
    if (name !== null) return name;
  }
  throw new Fault("usage.invalid", "--name must be lower-case letters, digits and dashes, at most 40, like shop-api");
}
