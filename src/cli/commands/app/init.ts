import { lstatSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import { oneLine } from "../../../base/printable.ts";
import { detect } from "../../../detect/detect.ts";
import { ownDockerfile } from "../../../detect/given.ts";
import { dockerignore } from "../../../detect/ignore.ts";
import { isRecipe, type Recipe, type SourceView } from "../../../detect/recipe.ts";
import { namePattern } from "../../../model/environment.ts";
import { defineCommand, optionalArgument } from "../../command.ts";
import { appNameFrom, firstManifest } from "../../first-manifest.ts";
import { textFlag, toggleFlag } from "../../flags.ts";
import { lineDiff } from "../../line-diff.ts";
import type { Paint } from "../../paint.ts";
import { manifestName } from "../../place.ts";
import { sourceView } from "../../source-view.ts";

export default defineCommand({
  about:
    "Detects the source – a Dockerfile, or a Node, Python or static app without one – and writes a first fairlead.yml for\nit. Shows it and asks before writing. If there is a fairlead.yml, shows the difference and asks. Contacts no controller.",
  args: { dir: optionalArgument("Directory of the source; default: here") },
  flags: {
    name: textFlag("--name <name>", "The app's name; default: derived from the directory's name"),
    dryRun: toggleFlag("--dry-run", "Show what would be written, and write nothing"),
    dockerfile: toggleFlag("--dockerfile", "Also write the generated Dockerfile, and a .dockerignore"),
  },
  examples: [
    ["fairlead init", "detect, show, ask, write"],
    ["fairlead init shop --name shop --yes", "without asking"],
    ["fairlead init --dockerfile", "also write a Dockerfile to edit"],
  ],
  async run({ args, flags, world }) {
    const directory = path.resolve(world.host.cwd, args.dir ?? ".");
    requireDirectory(directory);
    const { source, notes } = sourceView(directory);
    const { app, note } = nameFor(flags.name, directory);
    const found = flags.dockerfile ? recognised(source) : (given(source) ?? recognised(source));
    const manifest = firstManifest({ app, ...found });
    const before = earlier(directory);
    const files = new Map(before === manifest ? [] : [[manifestName, manifest]]);
    if (flags.dockerfile) {
      requireFree(directory, "Dockerfile");
      files.set("Dockerfile", found.dockerfile);
      if (!source.paths.includes(".dockerignore")) files.set(".dockerignore", dockerignore);
    }
    for (const [name, content] of files) {
      if (name === manifestName && before !== null) world.say(difference(before, content, world.paint));
      else if (name !== ".dockerignore") world.say(`${world.paint.dim(`--- ${name}`)}\n${content.trimEnd()}`);
    }
    const lacking = (await world.host.lacking(found.needs)).map((words) => `for plain processes: ${words}`);
    const warnings = [...note, ...found.warnings, ...lacking];
    for (const warning of warnings) world.say(`${world.paint.yellow("warning:")} ${warning}`);
    for (const words of notes) world.say(world.paint.dim(words));
    const names = [...files.keys()];
    if (flags.dryRun || names.length === 0) return { app, summary: found.summary, warnings, written: [], manifest };
    await world.confirm(before === null ? `Write ${names.join(", ")}?` : `Replace ${names.join(", ")}?`);
    for (const [name, content] of files)
      write(path.join(directory, name), content, name === manifestName && before !== null);
    return { app, summary: found.summary, warnings, written: names, manifest };
  },
  view({ summary, written }, paint) {
    if (written.length === 0) return `nothing written – ${summary}`;
    return `${paint.green("written:")} ${written.join(", ")} – ${summary}\n${paint.dim("-> next: fairlead check, then fairlead up")}`;
  },
});

/** What goes into a manifest and beside it. */
type Found = Pick<Recipe, "dockerfile" | "summary" | "warnings" | "services" | "build" | "needs" | "variables">;

function given(source: SourceView): Found | null {
  const dockerfile = source.paths.includes("Dockerfile") ? source.read("Dockerfile") : null;
  return dockerfile === null ? null : { dockerfile, ...ownDockerfile(dockerfile, detect(source, { base: {} })) };
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

/** Faults: `usage.invalid`. */
function requireDirectory(directory: string): void {
  if (!(statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    throw new Fault("usage.invalid", `${directory} is not a directory`);
  }
}

/** Faults: `file.exists`, also for a link that leads nowhere. */
function requireFree(directory: string, name: string): void {
  if (lstatSync(path.join(directory, name), { throwIfNoEntry: false }))
    throw new Fault("file.exists", `${name} already exists`);
}

/** The text of the manifest that is there, or null. Faults: `file.exists` for a link and what is no file. */
function earlier(directory: string): string | null {
  const file = path.join(directory, manifestName);
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (!found.isFile()) throw new Fault("file.exists", `${manifestName} already exists, and is not a regular file`);
  return readFileSync(file, "utf8");
}

function difference(before: string, after: string, paint: Paint): string {
  const colour = { " ": paint.dim, "-": paint.red, "+": paint.green };
  const lines = lineDiff(before, after).map(({ mark, text }) => colour[mark](`${mark} ${oneLine(text, 1_000)}`));
  return [paint.dim(`--- ${manifestName}: what would change`), ...lines].join("\n");
}

function write(file: string, content: string, isReplaced: boolean): void {
  try {
    writeFileSync(file, content, { flag: isReplaced ? "w" : "wx" });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    throw new Fault("file.exists", `${path.basename(file)} now exists`, { cause: error });
  }
}

/** Used where the directory's name gives none. */
const usualName = "app";

/** Faults: `usage.invalid` when the name given is none. */
function nameFor(given: string | undefined, directory: string): { app: string; note: readonly string[] } {
  if (given !== undefined) {
    if (namePattern.test(given)) return { app: given, note: [] };
    throw new Fault("usage.invalid", "--name must be lower-case letters, digits and dashes, at most 40, like shop-api");
  }
  const app = appNameFrom(path.basename(directory));
  if (app !== null) return { app, note: [] };
  const why = "the directory's name has no Latin letter to begin with";
  return { app: usualName, note: [`the app is called ${usualName}, because ${why}: choose another name with --name`] };
}
