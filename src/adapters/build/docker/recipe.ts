/** A source as detection sees it. */
export interface SourceView {
  readonly paths: readonly string[];
  read(path: string): string | null;
}

/** What detection makes of a source without a Dockerfile. */
export interface Recipe {
  readonly dockerfile: string;
  readonly language: "node" | "python" | "static";
  readonly summary: string;
  readonly warnings: readonly string[];
}

export interface Unrecognised {
  readonly lookedFor: readonly string[];
}

export type RecipeOf = (
  source: SourceView,
  build: { readonly base: Readonly<Record<string, string>> },
) => Recipe | Unrecognised;
