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

export type Language = "node" | "python" | "static";

/** A detected service, for a first manifest. */
export interface ServiceIdea {
  readonly name: string;
  /** Null: the image's own command. */
  readonly run: readonly string[] | null;
  /** The port on which it answers HTTP; null when it does not. */
  readonly port: number | null;
  /** A readiness path; null if none was found. */
  readonly ready: string | null;
  /** The release command. */
  readonly release: readonly string[] | null;
  /** Whether it must be a single instance. */
  readonly single: boolean;
}

/** How to build an image from a source without a Dockerfile. */
export interface Recipe {
  readonly dockerfile: string;
  readonly language: Language;
  /** `Django with gunicorn and Celery, packages by pip, Python 3.12`. */
  readonly summary: string;
  /** Warnings, each with a fix. */
  readonly warnings: readonly string[];
  readonly services: readonly ServiceIdea[];
  /** Variables that the app needs to start, as far as its settings show. */
  readonly variables: readonly VariableIdea[];
  /** How plain processes install packages and build; null if unknown. */
  readonly install: readonly string[] | null;
}

export interface VariableIdea {
  readonly name: string;
  readonly secret: boolean;
  /** A value of the manifest's `generate`, for a variable that only needs to be secret. */
  readonly generate: "django" | null;
}

/** The source was not recognised. */
export interface Unrecognised {
  /** Everything that was searched for, with the findings. */
  readonly lookedFor: readonly string[];
}

export function isRecipe(found: Recipe | Unrecognised): found is Recipe {
  return "dockerfile" in found;
}
