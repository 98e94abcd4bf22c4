import type { FirstStep, Recipe } from "./recipe.ts";
import type { Tree } from "./tree.ts";

/** A build in two steps: the result of the first is the same as long as `files` and `install` are. */
export interface BuildSteps {
  readonly files: readonly string[];
  readonly interpreters: readonly string[];
  readonly tools: readonly string[];
  readonly install: readonly string[];
  /** Null: nothing is left to do once the source is there. */
  readonly build: readonly string[] | null;
}

/** Version managers read these where a program is started. */
const versionFiles = [".node-version", ".nvmrc", ".python-version", ".ruby-version", ".tool-versions", "mise.toml"];

/** The files of an install, with those that say which version of a program it is. */
export function installFiles(tree: Tree, files: readonly string[]): readonly string[] {
  return [...new Set([...files, ...versionFiles.filter((file) => tree.has(file))])];
}

/**
 * The two steps of a command that begins with the install of the recipe, as the one that `init` writes does, or with one
 * alike; null for any other command, of which nobody knows what it reads.
 */
export function buildSteps(command: readonly string[], { firstStep }: Pick<Recipe, "firstStep">): BuildSteps | null {
  if (firstStep === null) return null;
  const { files, interpreters, tools, setup, without, late } = firstStep;
  const given = scriptOf(command);
  const found = installIn(given, firstStep);
  if (found === null) return null;
  const { install, rest } = found;
  const left = [...late, ...(rest === "" ? [] : [rest])];
  return {
    files,
    interpreters,
    tools,
    install: ["sh", "-c", joined([...setup, ...without, install])],
    build: left.length === 0 ? null : ["sh", "-c", joined([...setup, ...left])],
  };
}

/** Where the install ends in a script that begins with it. */
function installIn(given: string, { setup, install, alike }: FirstStep): { install: string; rest: string } | null {
  const first = joined([...setup, ...install]);
  if (given === first || given.startsWith(`${first}${and}`))
    return { install: joined(install), rest: given.slice(first.length + and.length) };
  const commands = given.split(and);
  const other = commands.findIndex((one) => !alike?.test(one));
  const count = other === -1 ? commands.length : other;
  if (count === 0) return null;
  return { install: joined(commands.slice(0, count)), rest: joined(commands.slice(count)) };
}

const and = " && ";

function scriptOf(command: readonly string[]): string {
  const [shell = "", option, script] = command;
  return /^(?:\/bin\/)?sh$/.test(shell) && option === "-c" && command.length === 3 ? (script ?? "") : command.join(" ");
}

function joined(commands: readonly string[]): string {
  return commands.join(and);
}
