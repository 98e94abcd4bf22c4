import { posix } from "node:path";
import { dockerfilePath, type Instruction, instructionsOf, stageOf } from "./dockerfile.ts";
import type { RuleFinding, SourceFile, Subject } from "./subject.ts";

/** A command that starts something of the app, and where it is written. */
export interface StartCommand {
  readonly words: readonly string[];
  readonly at: RuleFinding["at"];
  /** The stage of the Dockerfile that it is in; null: a command of the manifest. */
  readonly stage: readonly Instruction[] | null;
}

/** The commands of the manifest, and those of the image where a service leaves that to it. */
export function startCommands(subject: Subject): readonly StartCommand[] {
  const { services } = subject.spec;
  const written = services.flatMap(({ name, command, release }) =>
    (["run", "release"] as const).flatMap((key): readonly StartCommand[] => {
      const words = key === "run" ? command : release;
      return words ? [{ words, at: { path: `services.${name}.${key}` }, stage: null }] : [];
    }),
  );
  return services.every(({ command }) => command !== null) ? written : [...written, ...imageCommand(subject)];
}

function imageCommand({ spec: { build }, files }: Subject): readonly StartCommand[] {
  const file = files.find(({ path }) => path === dockerfilePath(build));
  if (!file) return [];
  const stage = stageOf(instructionsOf(file), build.target?.toLowerCase() ?? null);
  const last = (wanted: string) => stage.findLast(({ word }) => word === wanted);
  const [entrypoint, command] = [last("ENTRYPOINT"), last("CMD")];
  const words = [entrypoint, command].flatMap((one) => (one ? wordsOf(one.rest) : []));
  if (words.length === 0) return [];
  return [{ words, at: { file: file.path, line: (command ?? entrypoint)?.line ?? 1 }, stage }];
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
