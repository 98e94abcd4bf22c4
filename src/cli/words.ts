import { Fault } from "../base/faults.ts";
import { globalFlags, takesValue } from "./flags.ts";
import { commands, type Entry, verbsOf } from "./table.ts";

/** The parsed command line. `rest` are the arguments without the command's name. */
export type Asked =
  | { readonly kind: "version" }
  | { readonly kind: "overview" }
  | { readonly kind: "noun"; readonly noun: string }
  | { readonly kind: "help" | "run"; readonly entry: Entry; readonly rest: readonly string[] }
  | {
      readonly kind: "unknown";
      readonly words: string;
      /** The first words that are no flags, to find what another tool would do. */
      readonly typed: readonly string[];
      readonly among: readonly string[];
    };

const valueFlags = new Set(
  Object.values(globalFlags)
    .filter(({ spec }) => takesValue(spec))
    .flatMap(({ spec }) => spec.replace(/ <.*/, "").split(", ")),
);

/**
 * Index of the next word of the command's name: only global flags may precede it. -1 if there is none. After any other
 * flag it is unknown which argument is its value.
 */
function nextWord(argv: readonly string[], from: number): number {
  for (let i = from; i < argv.length; i += 1) {
    const word = argv[i] ?? "";
    if (!word.startsWith("-")) return i;
    if (!isGlobal(word)) return -1;
    if (valueFlags.has(word)) i += 1;
  }
  return -1;
}

function without(argv: readonly string[], ...at: readonly number[]): string[] {
  return argv.filter((_word, i) => !at.includes(i));
}

/** Finds the command in a command line. Global flags may precede it. */
export function readWords(argv: readonly string[]): Asked {
  const first = nextWord(argv, 0);
  const end = argv.indexOf("--");
  const own = new Set(end === -1 ? argv : argv.slice(0, end));
  const wantsHelp = own.has("-h") || own.has("--help");
  if (first === -1) return !wantsHelp && (own.has("-V") || own.has("--version")) ? { kind: "version" } : overview(argv);
  if (argv[first] === "help") return readWords(["--help", ...without(argv, first)]);
  return findCommand(argv, first, wantsHelp);
}

/** Nothing but flags: help, unless a flag is unknown, or is one of a command that is missing. */
function overview(argv: readonly string[]): Asked {
  const stray = argv.find((word) => word.startsWith("-") && !isGlobal(word));
  if (stray !== undefined) throw new Fault("usage.invalid", `unknown option ${JSON.stringify(stray)}`);
  const lone = argv.find((word) => valueFlags.has(word.replace(/=.*/s, "")));
  if (lone === undefined || argv.includes("--help") || argv.includes("-h")) return { kind: "overview" };
  throw new Fault("usage.invalid", `which command? ${lone.replace(/=.*/s, "")} alone does nothing`, {
    hint: "`fairlead help` lists the commands.",
  });
}

function isGlobal(word: string): boolean {
  const name = word.replace(/=.*/s, "");
  return Object.values(globalFlags).some(({ spec }) => spec.replace(/ <.*/, "").split(", ").includes(name));
}

function findCommand(argv: readonly string[], first: number, wantsHelp: boolean): Asked {
  const word = argv[first] ?? "";
  const kind = wantsHelp ? "help" : "run";
  const bare = commands.find(({ name }) => name === word);
  const verbs = verbsOf(word);
  const second = verbs.length === 0 ? -1 : nextWord(argv, first + 1);
  const verb = second === -1 ? undefined : argv[second];
  if (bare && verb === undefined) return { kind, entry: bare, rest: without(argv, first) };
  if (verbs.length === 0) {
    return { kind: "unknown", words: word, typed: typedWords(argv, first), among: topWords() };
  }
  const entry = verbs.find(({ name }) => name === `${word} ${verb ?? "list"}`);
  if (verb === undefined && wantsHelp) return { kind: "noun", noun: word };
  if (entry) return { kind, entry, rest: verb === undefined ? without(argv, first) : without(argv, first, second) };
  if (verb === undefined) return { kind: "noun", noun: word };
  const among = verbs.map(({ name }) => name);
  return { kind: "unknown", words: `${word} ${verb}`, typed: [word, verb], among };
}

/** At most four words, like `docker compose up web`. */
function typedWords(argv: readonly string[], first: number): readonly string[] {
  return argv
    .slice(first)
    .filter((word) => !word.startsWith("-"))
    .slice(0, 4);
}

/** The first words of all commands, each once. */
export function topWords(): readonly string[] {
  return [...new Set(commands.map(({ name }) => name.split(" ")[0] ?? name))];
}
