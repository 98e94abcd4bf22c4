import type { Language } from "../base/languages.ts";

/** A source tree: its files, relative and with `/` separators, and their text. */
export interface SourceView {
  readonly paths: readonly string[];
  /** The text of a file, or null when it cannot be read as text. */
  read(path: string): string | null;
}

/** Build settings from outside the source: base images by language instead of the official ones. */
export interface BuildChoice {
  readonly base: Readonly<Record<string, string>>;
}

/** A detected service, for a first manifest. */
export interface ServiceIdea {
  readonly name: string;
  /**
   * The same on plain processes and in the image: relative to the directory of the source, with the port in `$PORT` and
   * `.venv/bin` and `node_modules/.bin` in the PATH. An app in a subdirectory changes to it (`inDirectory`). Null: the
   * image's own command.
   */
  readonly run: readonly string[] | null;
  /** Files that are served in place of a command: the manifest's `static`. Absent: none. */
  readonly files?: { readonly path: string; readonly fallback: string | null };
  /** The port on which it answers HTTP; null when it does not. */
  readonly port: number | null;
  /** A readiness path; null if none was found. */
  readonly ready: string | null;
  /** The release command. */
  readonly release: readonly string[] | null;
  /** Whether it must be a single instance. */
  readonly single: boolean;
}

/** A program that a build or a service needs on a machine that runs plain processes; images bring their own. */
export interface MachineNeed {
  /** Its name in the PATH, `yarn`, or its path. */
  readonly program: string;
  /** Others that will do, in the place of `program` in `printedBy` too. Absent: none. */
  readonly or?: readonly string[];
  /**
   * The versions that will do, as a range of npm's `semver`, and the command that prints the version: the first version
   * in its output is compared. Absent: any version.
   */
  readonly version?: { readonly range: string; readonly printedBy: readonly string[] };
  /** What asks for it: `yarn.lock`, `engines.node of package.json`. */
  readonly why: string;
  /** The command that installs it: `npm install --global yarn@1`. */
  readonly install: string;
}

/**
 * How packages are installed on plain processes before the source is there, as the first stage of the Dockerfile does.
 * All commands are for a shell, and written by a language's folder.
 */
export interface FirstStep {
  /** Files and directories that decide what is installed; all exist. */
  readonly files: readonly string[];
  /** What both steps begin with: variables. */
  readonly setup: readonly string[];
  /** What is left out of the install because it needs the source. */
  readonly without: readonly string[];
  readonly install: readonly string[];
  /** Commands that people write in its place, and that read nothing else; null: none is known. */
  readonly alike: RegExp | null;
  /** What was left out, for the source that is there then. */
  readonly late: readonly string[];
  /** Programs that run or compile the packages: another version needs other ones. */
  readonly interpreters: readonly string[];
  /** Programs that install them. */
  readonly tools: readonly string[];
}

/** How to build and run a source without a Dockerfile, in containers and as plain processes. */
export interface Recipe {
  readonly dockerfile: string;
  readonly language: Language;
  /**
   * What says how the source is run. `declared`: a framework, a script, a Procfile or a build file; `name`: only a file
   * with a usual name, which can be a tool beside the app. Declared recipes come before the others.
   */
  readonly evidence: "declared" | "name";
  /** `Django with gunicorn and Celery, packages by pip, Python 3.12`. */
  readonly summary: string;
  /** Warnings, each with a fix. */
  readonly warnings: readonly string[];
  readonly services: readonly ServiceIdea[];
  /** Variables that the app needs to start, as far as its settings show. */
  readonly variables: readonly VariableIdea[];
  /** For plain processes: one command that installs and builds, in a copy of the source. Null: nothing to do. */
  readonly build: readonly string[] | null;
  /** The part of `build` that installs packages; null if it cannot be told apart, or leaves them in other directories. */
  readonly firstStep: FirstStep | null;
  /** For plain processes: programs that `build` and the services start. */
  readonly needs: readonly MachineNeed[];
}

export interface VariableIdea {
  readonly name: string;
  readonly secret: boolean;
  /** A value of the manifest's `generate`, for a variable that only needs to be secret. */
  readonly generate: "django" | "hex32" | null;
  /** A value that is no secret and the same everywhere, which the image has as well. */
  readonly value?: string;
}

/** The source was not recognised. */
export interface Unrecognised {
  /** Everything that was searched for, with the findings. */
  readonly lookedFor: readonly string[];
}

export function isRecipe(found: Recipe | Unrecognised): found is Recipe {
  return "dockerfile" in found;
}
