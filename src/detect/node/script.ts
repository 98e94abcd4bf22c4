import { plainWords, shell } from "../dockerfile.ts";
import { portInWords } from "../port.ts";
import type { NodePackage } from "./package.ts";

/** A script of package.json as a command of its own. */
export interface ScriptCommand {
  readonly command: readonly string[];
  /** What it starts, without variables in front: `next start`. */
  readonly program: string;
  readonly warnings: readonly string[];
}

/** Scripts that call scripts are followed this far. */
const deepest = 5;

/**
 * What a script starts, without the package manager between it and signals: a script that only calls another one is
 * followed, a build in front is done before, `NODE_ENV=production` and a fixed port are left to the platform. Null: it
 * has no such script.
 */
export function scriptCommand(one: NodePackage, name: string, depth = 0): ScriptCommand | null {
  const given = one.scripts.get(name)?.trim();
  if (given === undefined || given === "") return null;
  const text = one.scripts.has("build") ? withoutBuild(given) : given;
  const called = /^(?:(?:npm|pnpm|yarn|bun) run|yarn|pnpm)\s+(?:-s\s+|--silent\s+)?([\w:.-]+)$/.exec(text)?.[1];
  const next = /^npm start$/.test(text) ? "start" : called;
  const followed = next !== undefined && depth < deepest ? scriptCommand(one, next, depth + 1) : null;
  if (followed) return followed;
  const { variables, program, warnings } = unwrapped(text);
  if (
    one.scripts.has(`pre${name}`) ||
    one.scripts.has(`post${name}`) ||
    /[;|&\r\n]/.test(program.replaceAll("&&", ""))
  ) {
    const warning =
      'the start script needs a shell, so npm stands between it and signals; write a plain command like "node server.js"';
    return { command: ["npm", "run", "--silent", name], program, warnings: [...warnings, warning] };
  }
  return { command: commandWith(variables, program), program, warnings };
}

/** `npm run build && node dist/x.js`: the build has happened when the app is started. */
function withoutBuild(text: string): string {
  return text.replace(/^(?:npm run|pnpm(?: run)?|yarn(?: run)?|bun run)\s+build\s*&&\s*/, "");
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
  return { variables: kept, program: portInWords(rest.replace(file, "").trim()), warnings };
}

function commandWith(variables: readonly string[], program: string): readonly string[] {
  const words = plainWords(program);
  const plain = words !== null && variables.every((one) => plainWords(`x ${one}`) !== null);
  if (plain) return variables.length === 0 ? words : ["env", ...variables, ...words];
  const front = variables.map((one) => `${one} `).join("");
  const at = program.lastIndexOf("&&");
  if (at === -1) return front === "" ? shell(program) : ["sh", "-c", `${front}exec ${program}`];
  return ["sh", "-c", `${front}${program.slice(0, at)}&& exec ${program.slice(at + 2).trim()}`];
}
