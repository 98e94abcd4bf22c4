/** A source tree to look at: its files, relative and with `/` between the parts, and their text. */
export interface SourceView {
  readonly paths: readonly string[];
  /** The text of a file, or null when it cannot be read as text. */
  read(path: string): string | null;
}

/** What is decided about the build outside the source: base images by language instead of the official ones. */
export interface BuildChoice {
  readonly base: Readonly<Record<string, string>>;
}

export type Language = "node" | "python" | "static";

/** A service that the source seems to want, for a first manifest. */
export interface ServiceIdea {
  readonly name: string;
  /** Null: what the image runs by itself. */
  readonly run: readonly string[] | null;
  /** The port on which it answers HTTP; null when it does not. */
  readonly port: number | null;
  /** A path that says whether it is ready; null when none was seen. */
  readonly ready: string | null;
  /** What must run once in each deployment before it starts. */
  readonly release: readonly string[] | null;
  /** Two of them at once would do the same work twice. */
  readonly single: boolean;
}

/** How an image is made of a source that has no Dockerfile. */
export interface Recipe {
  readonly dockerfile: string;
  readonly language: Language;
  /** `Django with gunicorn and Celery, packages by pip, Python 3.12`. */
  readonly summary: string;
  /** What will work badly or not at all, each with what to do. */
  readonly warnings: readonly string[];
  readonly services: readonly ServiceIdea[];
  /** Variables that the app reads and does not start without, as far as its settings show. */
  readonly variables: readonly VariableIdea[];
  /** How plain processes get their packages and are built, where no image is made; null when that is not known. */
  readonly install: readonly string[] | null;
}

export interface VariableIdea {
  readonly name: string;
  readonly secret: boolean;
  /** A value of the manifest's `generate`, for a variable that only needs to be secret. */
  readonly generate: "django" | null;
}

/** That nobody knows how to run the source. */
export interface Unrecognised {
  /** Everything that was searched for, with what was found of it. */
  readonly lookedFor: readonly string[];
}

export function isRecipe(found: Recipe | Unrecognised): found is Recipe {
  return "dockerfile" in found;
}
