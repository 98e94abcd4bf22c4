import { plainWords, shell } from "./dockerfile.ts";
import { portInWords } from "./port.ts";
import type { ServiceIdea } from "./recipe.ts";
import type { Tree } from "./tree.ts";

interface Procfile {
  /** By process type, as the name of a service: `web`, `celery-beat` for `Celery_Beat`. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly warnings: readonly string[];
}

/** Limit of processes of one file; a release limits its services too. */
const mostProcesses = 50;

/** Heroku's format: `name: command`, one per line, names of letters, digits, `_` and `-`; other lines are comments. */
function parsed(tree: Tree): Procfile {
  const commands = new Map<string, readonly string[]>();
  const warnings: string[] = [];
  for (const [i, whole] of (tree.text("Procfile") ?? "")
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, given = "", command = ""] = /^([A-Za-z0-9_-]+)\s*:\s*(\S.*)$/.exec(line) ?? [];
    const name = given.toLowerCase().replaceAll("_", "-");
    const why = refusal(name, command, commands);
    if (why !== null) warnings.push(`line ${i + 1} of Procfile is ignored, because ${why}`);
    else commands.set(name, commandOf(name === "web" ? portInWords(command) : command));
    if (why === null && given !== name) warnings.push(`${given} of Procfile is the service ${name}`);
  }
  return { commands, warnings };
}

function refusal(name: string, command: string, known: ReadonlyMap<string, unknown>): string | null {
  if (command === "") return "it is not of the form `name: command`";
  if (command.length > 8_192) return "its command is longer than 8192 characters";
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) return "its name must begin with a letter and have at most 40 characters";
  if (known.has(name)) return `${name} is there already`;
  return known.size >= mostProcesses ? `a Procfile has at most ${mostProcesses} processes here` : null;
}

/** The commands of a Procfile by process type. */
export function readProcfile(tree: Tree): ReadonlyMap<string, readonly string[]> {
  return parsed(tree).commands;
}

/**
 * The services of a recipe with all processes of the Procfile, whose commands replace those of the same name; `meaning`
 * is what a command means in the language of the source.
 */
export function withProcfile(
  tree: Tree,
  services: readonly ServiceIdea[],
  meaning: (command: readonly string[]) => readonly string[] = (command) => command,
): { readonly services: readonly ServiceIdea[]; readonly warnings: readonly string[] } {
  const { commands: written, warnings } = parsed(tree);
  const all = new Map(services.map((service) => [service.name, service]));
  const used = [...written].filter(([name]) => all.get(name)?.files === undefined);
  const commands = new Map(used.map(([name, command]) => [name, meaning(command)]));
  for (const [name, run] of commands) {
    const none = { name, port: null, ready: null, release: null, single: isClock(run) };
    if (name !== "release") all.set(name, { ...(all.get(name) ?? none), run });
  }
  // The same command under another name is not started twice.
  for (const { name, run } of services) {
    const twice = [...commands].some(([type, command]) => type !== name && String(command) === String(run));
    if (twice && !commands.has(name)) all.delete(name);
  }
  const release = commands.get("release");
  const found = [...all.values()].map((one, i) => (release && i === 0 ? { ...one, release } : one));
  const left = used.length < written.size ? [servedHere] : [];
  return { services: found, warnings: [...warnings, ...left] };
}

const servedHere = "the line web of Procfile is not used, because the files are served without a program of the source";

/** A clock runs once, or everything is started twice. */
function isClock(run: readonly string[]): boolean {
  return run.some((word) => /\bbeat\b|clock|scheduler/.test(word));
}

/** A command line as arguments: split if it needs no shell, otherwise passed to one. */
export function commandOf(line: string): readonly string[] {
  return plainWords(line) ?? (/^\s*\w+=|[;&|]/.test(line) ? ["sh", "-c", line.trim()] : shell(line.trim()));
}
