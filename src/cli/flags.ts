import { parseDuration } from "../base/duration.ts";
import { Fault } from "../base/faults.ts";
import { namePattern } from "../model/environment.ts";

/** A flag of a command. `spec` as in help: `-n, --tail <count>`. `read` returns null for a text that it refuses. */
export interface Flag<Value> {
  readonly spec: string;
  readonly summary: string;
  readonly read?: (text: string) => unknown;
  /** The form of a value, for the message if `read` refuses it. */
  readonly form?: string;
  /** Never set: carries the type of the value. */
  readonly value?: Value;
}

/** A flag without a value. */
export function toggleFlag(spec: string, summary: string): Flag<boolean> {
  return { spec, summary };
}

/** A flag with a text. */
export function textFlag(spec: string, summary: string): Flag<string | undefined> {
  return { spec, summary, read: (value) => value, form: "a text" };
}

/** A flag with the name of an app or environment. */
export function nameFlag(spec: string, summary: string): Flag<string | undefined> {
  const read = (value: string) => (namePattern.test(value) ? value : null);
  return { spec, summary, read, form: "a name: small letters, digits and dashes, at most 40, like staging" };
}

/** A flag with a duration; its value is milliseconds. */
export function durationFlag(spec: string, summary: string): Flag<number | undefined> {
  return { spec, summary, read: parseDuration, form: "a duration like 30s or 2m" };
}

/** A flag with a whole number between two limits. */
export function countFlag(
  spec: string,
  summary: string,
  limits: { min: number; max: number },
): Flag<number | undefined> {
  const read = (value: string) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    return number >= limits.min && number <= limits.max ? number : null;
  };
  return { spec, summary, read, form: `a whole number from ${limits.min} to ${limits.max}` };
}

/** A flag with one of a few words. */
export function choiceFlag<const Word extends string>(
  spec: string,
  summary: string,
  words: readonly Word[],
): Flag<Word | undefined> {
  const read = (value: string) => (words.some((word) => word === value) ? value : null);
  return { spec, summary: `${summary} (${words.join(", ")})`, read, form: `one of ${words.join(", ")}` };
}

/** `--tail` of `-n, --tail <count>`. */
export function longName(spec: string): string {
  return /--[a-z-]+/.exec(spec)?.[0] ?? spec;
}

export function takesValue(spec: string): boolean {
  return spec.includes("<");
}

/** The value of a flag as given on the command line. Faults: `usage.invalid`, with the flag and its form. */
export function readFlag(flag: Flag<unknown>, given: string): unknown {
  const value = flag.read?.(given) ?? null;
  if (value === null) {
    const shown = JSON.stringify(given.slice(0, 60));
    throw new Fault("usage.invalid", `${longName(flag.spec)} must be ${flag.form ?? "given"}, not ${shown}`);
  }
  return value;
}

/** The flags that every command knows; they may stand before or after the command's name. */
export const globalFlags = {
  environment: nameFlag("-e, --env <name>", "Environment (default: production)"),
  app: nameFlag("-a, --app <name>", "App; default: from fairlead.yml here or in a parent"),
  config: textFlag("-c, --config <file>", "Manifest to use instead of fairlead.yml"),
  url: textFlag("--url <url>", "Controller: http(s)://host:port or unix:/path [FAIRLEAD_URL]"),
  state: textFlag("--state <dir>", "State directory with the controller's socket [FAIRLEAD_STATE]"),
  token: textFlag("--token <token>", "Token for --url; prefer the variable [FAIRLEAD_TOKEN]"),
  timeout: durationFlag("--timeout <duration>", "Maximum wait; then exit 6, and the work continues"),
  json: toggleFlag("--json", "Print the result as JSON and nothing else on stdout"),
  quiet: toggleFlag("-q, --quiet", "No progress and no notes"),
  verbose: toggleFlag("-v, --verbose", "Also print requests to the controller and causes of errors"),
  noColor: toggleFlag("--no-color", "No colours [NO_COLOR]"),
  noInput: toggleFlag("--no-input", "Never ask; fail if an answer is needed"),
  confirm: textFlag("--confirm <name>", "Name to confirm a change of something protected"),
  yes: toggleFlag("-y, --yes", "Answer yes to simple questions, but not to those that ask for a name"),
  help: toggleFlag("-h, --help", "Show help"),
  version: toggleFlag("-V, --version", "Show the version"),
} as const satisfies Record<string, Flag<unknown>>;

export type Flags = Readonly<Record<string, Flag<unknown>>>;
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer V> ? V : never };
export type Globals = FlagValues<typeof globalFlags>;
