import { plainWords } from "../dockerfile.ts";
import { portInWords } from "../port.ts";
import type { NodePackage } from "./package.ts";

/** A script of package.json as a command of its own. */
export interface ScriptCommand {
  readonly command: readonly string[];
  /** What it starts, without variables in front: `next start`. */
  readonly program: string;
  /** What it does before, which is a build: `tsc`, `npm run compile`. */
  readonly before: readonly string[];
  readonly warnings: readonly string[];
}

/** Scripts that call scripts are followed this far. */
const deepest = 5;

/** Programs that make files out of files and end. */
const makers =
  /^(?:(?:npx|bunx|pnpm exec|yarn exec)\s+(?:--?[\w-]+\s+)*)?(?:(?:cross-env\s+)?\w+=\S*\s+)*(?:rimraf|del-cli|rm\s+-rf?|mkdir|shx\s+(?:rm|mkdir|cp)|cp|cpx|copyfiles|tsc|tsc-alias|tspc|vue-tsc|lb-tsc|lb-clean|esbuild|tsup|tsdown|unbuild|swc|babel|webpack|rspack|rollup|ncc\s+build|(?:vite|next|nuxt|nest|ng|strapi|medusa|keystone|remix|react-router|react-scripts|astro|parcel|turbo(?:\s+run)?)\s+(?:vite:)?build|sass|tailwindcss|postcss|prisma\s+generate|grunt|gulp)(?:\s|$)/;
const caller = /^(?:(?:npm|pnpm|yarn|bun) run|yarn|pnpm)\s+(?:-s\s+|--silent\s+)?([\w:.-]+)$/;

/** Whether a part of a script only builds, itself or by the scripts that it calls. */
function isBuild(one: NodePackage, part: string, depth = 0): boolean {
  const called = one.scripts.get(caller.exec(part)?.[1] ?? "");
  if (called !== undefined) {
    const parts = called.split("&&");
    return depth < deepest && parts.every((inner) => isBuild(one, inner.trim(), depth + 1));
  }
  return makers.test(part) && !/\s(?:-w|--watch)\b|[;|\r\n]|(?<!&)&(?!&)/.test(part);
}

/** A script without the builds in front: `npm run build && node dist/x.js`, `tsc && node .`. */
function withoutBuild(one: NodePackage, text: string): { readonly before: readonly string[]; readonly rest: string } {
  const parts = text.split("&&").map((part) => part.trim());
  const first = parts.findIndex((part) => !isBuild(one, part));
  if (first < 1) return { before: [], rest: text };
  return { before: parts.slice(0, first), rest: parts.slice(first).join(" && ") };
}

/** The builds that `prestart` does; null: there is none, or it does something else. */
function buildsBefore(one: NodePackage, name: string): readonly string[] | null {
  const parts = one.scripts.get(`pre${name}`)?.split("&&") ?? [];
  const trimmed = parts.map((part) => part.trim());
  return parts.length > 0 && trimmed.every((part) => isBuild(one, part)) ? trimmed : null;
}

/**
 * What a script starts, without the package manager between it and signals: a script that only calls another one is
 * followed, a build in front is done before, `NODE_ENV=production` and a fixed port are left to the platform. Null: it
 * has no such script.
 */
export function scriptCommand(one: NodePackage, name: string, depth = 0): ScriptCommand | null {
  const given = one.scripts.get(name)?.trim();
  if (given === undefined || given === "") return null;
  const pre = buildsBefore(one, name);
  const { before: own, rest: text } = withoutBuild(one, given);
  const before = [...(pre ?? []), ...own];
  const next = /^npm start$/.test(text) ? "start" : caller.exec(text)?.[1];
  const followed = next !== undefined && depth < deepest ? scriptCommand(one, next, depth + 1) : null;
  if (followed) return { ...followed, before: [...before, ...followed.before] };
  const { variables, program, warnings } = unwrapped(text);
  if (one.scripts.has(`post${name}`) || /[;|&\r\n]/.test(program.replaceAll("&&", ""))) {
    const warning =
      'the start script needs a shell, so npm stands between it and signals; write a plain command like "node server.js"';
    return { command: ["npm", "run", "--silent", name], program, before: [], warnings: [...warnings, warning] };
  }
  const first = pre === null ? one.scripts.get(`pre${name}`) : undefined;
  if (first !== undefined)
    return { command: ["sh", "-c", `${first} && ${inShell(variables, program)}`], program, before, warnings };
  return { command: commandWith(variables, program), program, before, warnings };
}

/** Takes off variables in front and what the platform decides. */
function unwrapped(text: string): { variables: readonly string[]; program: string; warnings: readonly string[] } {
  const [, front = "", rest = ""] = /^((?:cross-env(?:-shell)?\s+|npx\s+|env\s+|\w+=\S*\s+)*)(.*)$/s.exec(text) ?? [];
  const variables = front.match(/\w+=\S*/g) ?? [];
  const kept = variables.filter((one) => !/^(?:NODE_ENV=production|PORT=.*)$/.test(one));
  const file = /\s--env-file(?:-if-exists)?[= ]\S+/;
  const warnings = file.test(rest)
    ? [
        "the start script reads a file of variables, which is not part of the source: set them with `fairlead env set` or `fairlead env import`",
      ]
    : [];
  return { variables: kept, program: portInWords(inForeground(rest.replace(file, "").trim())), warnings };
}

/** The script that a command calls through a package manager; null: it calls none. */
export function scriptCalled(one: NodePackage, command: readonly string[]): ScriptCommand | null {
  const line = command.join(" ");
  const name = /^(?:npm|bun) start$/.test(line) ? "start" : caller.exec(line)?.[1];
  return name === undefined ? null : scriptCommand(one, name);
}

/** What a program that starts others in the background, and ends, would start. */
function inForeground(program: string): string {
  return program.replace(/^(?:pm2(?:-runtime)?|forever)\s+start\s+((?!\S*\.config\.)\S+\.[cm]?js)\b.*$/, "node $1");
}

/** What a program that starts an app again at every change would start; null: it is none, or says no file. */
export function unwatched(program: string): string | null {
  const node = /^node\s+--watch(?:-\S+)?\s+(.+)$/.exec(program)?.[1];
  if (node !== undefined) return `node ${node}`;
  const bun = /^bun\s+(?:run\s+)?--(?:watch|hot)\s+(?:run\s+)?(\S.*)$/.exec(program)?.[1];
  if (bun !== undefined) return `bun ${bun}`;
  const tsx = /^tsx\s+watch\s+(?:--\S+\s+)*(\S+\.[cm]?tsx?)(?:\s|$)/.exec(program)?.[1];
  if (tsx !== undefined) return `tsx ${tsx}`;
  const file = /^(?:nodemon|node-dev|supervisor)\s+(?:\S.*\s)?(\S+\.[cm]?js)$/.exec(program)?.[1];
  return file === undefined || /--exec|-x\s/.test(program) ? null : `node ${file}`;
}

function commandWith(variables: readonly string[], program: string): readonly string[] {
  const words = plainWords(program);
  const plain = words !== null && variables.every((one) => plainWords(`x ${one}`) !== null);
  if (plain) return variables.length === 0 ? words : ["env", ...variables, ...words];
  return ["sh", "-c", inShell(variables, program)];
}

/** For a shell whose place the last of the programs takes. */
function inShell(variables: readonly string[], program: string): string {
  const front = variables.map((one) => `${one} `).join("");
  const at = program.lastIndexOf("&&");
  if (at === -1) return `${front}exec ${program}`;
  return `${front}${program.slice(0, at)}&& exec ${program.slice(at + 2).trim()}`;
}
