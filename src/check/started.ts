import { posix } from "node:path";
import { dockerfilePath, type Instruction, instructionsOf, stageOf } from "./dockerfile.ts";
import { FileLines } from "./lines.ts";
import type { RuleFinding, SourceFile, Subject } from "./subject.ts";

/** A command that starts something of the app, and where it is written. */
export interface StartCommand {
  readonly words: readonly string[];
  readonly at: RuleFinding["at"];
  /** The stage of the Dockerfile that it is in; null: a command of the manifest. */
  readonly stage: readonly Instruction[] | null;
  /** The ports of `http` of the services that it starts. */
  readonly ports: readonly number[];
  /** It is a script of package.json that another command runs. */
  readonly isScript: boolean;
}

/** The commands of the manifest, and those of the image where a service leaves that to it; with scripts that they run. */
export function startCommands(subject: Subject): readonly StartCommand[] {
  const found = known.get(subject) ?? commandsOf(subject);
  known.set(subject, found);
  return found;
}

/** Several rules ask for the same subject, and a Dockerfile can be long. */
const known = new WeakMap<Subject, readonly StartCommand[]>();

function commandsOf(subject: Subject): readonly StartCommand[] {
  const { services } = subject.spec;
  const written = services.flatMap(({ name, command, release, http }) =>
    (["run", "release"] as const).flatMap((key): readonly StartCommand[] => {
      const words = key === "run" ? command : release;
      const ports = key === "run" && http ? [http.port] : [];
      return words ? [{ words, at: { path: `services.${name}.${key}` }, stage: null, ports, isScript: false }] : [];
    }),
  );
  const all = [...written, ...imageCommand(subject)];
  return [...all, ...all.flatMap((command) => scriptOf(subject, command))];
}

function imageCommand({ spec: { build, services }, files }: Subject): readonly StartCommand[] {
  const started = services.filter(({ command }) => command === null);
  const file = files.find(({ path }) => path === dockerfilePath(build));
  if (!file || started.length === 0) return [];
  const stage = stageOf(instructionsOf(file), build.target?.toLowerCase() ?? null);
  const last = (wanted: string) => stage.findLast(({ word }) => word === wanted);
  const [entrypoint, command] = [last("ENTRYPOINT"), last("CMD")];
  const words = [entrypoint, command].flatMap((one) => (one ? wordsOf(one.rest) : []));
  if (words.length === 0) return [];
  const at = { file: file.path, line: (command ?? entrypoint)?.line ?? 1 };
  return [{ words, at, stage, ports: started.flatMap(({ http }) => (http ? [http.port] : [])), isScript: false }];
}

/** `npm start` and `npm run NAME`: the script of that name, in the package.json of the app. */
function scriptOf({ files, spec }: Subject, command: StartCommand): readonly StartCommand[] {
  const [, name] =
    /(?:^|\s)(?:npm|pnpm|yarn|bun)(?:\s+run)?\s+([\w:.-]+)/.exec(command.words.join(" ").slice(0, 4_000)) ?? [];
  const path = posix.normalize(posix.join(spec.build.context, "package.json"));
  const text = files.find((file) => file.path === path)?.text;
  const quoted = /^[\w:.-]+$/.test(name ?? "") && text ? scriptIn(text, name ?? "") : null;
  return quoted && text
    ? [
        {
          ...command,
          words: quoted.words,
          at: { file: path, line: new FileLines({ path, text }).number(quoted.at) },
          isScript: true,
        },
      ]
    : [];
}

/** By its text, so that the line is known; a file that is no JSON has no scripts that run. */
function scriptIn(text: string, name: string): { readonly words: readonly string[]; readonly at: number } | null {
  const from = text.search(/"scripts"\s*:\s*\{/);
  if (from < 0) return null;
  const section = text.slice(from, text.indexOf("}", from));
  const found = new RegExp(`"${name.replaceAll(".", "\\.")}"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"`).exec(section);
  return found ? { words: (found[1] ?? "").split(/\s+/), at: from + found.index } : null;
}

/** Both forms of a command, a list in JSON and a line for a shell, as words. */
function wordsOf(rest: string): readonly string[] {
  const items = /^\[(.*)\]$/.exec(rest)?.[1];
  if (items === undefined) return rest.split(/\s+/);
  // What is not closed is the last item, so that it is read once.
  return [...items.matchAll(/"((?:[^"\\]|\\.)*)(?:"|\\?$)/gs)].map(([, item = ""]) => item);
}

/** The file of the source that a word of a command names; an image may have it in another directory. */
export function fileNamed({ files, spec }: Subject, word: string, { stage }: StartCommand): SourceFile | undefined {
  const parts = posix
    .normalize(word)
    .split("/")
    .filter((part) => part !== "");
  const paths = stage === null ? [parts.join("/")] : parts.map((_, at) => parts.slice(at).join("/"));
  const { context } = spec.build;
  return paths
    .flatMap((path) => [posix.normalize(posix.join(context, path)), path])
    .map((path) => files.find((file) => file.path === path))
    .find((file) => file !== undefined);
}
