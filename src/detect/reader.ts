import type { Language } from "../base/languages.ts";
import type { BuildChoice, Recipe, Unrecognised } from "./recipe.ts";
import type { Tree } from "./tree.ts";

/** One language: what it looks for, and what it makes of a source. */
export interface LanguageReader {
  readonly language: Language;
  /** Names of files that show the language. Named where another language is chosen; searched for in subdirectories. */
  readonly files: readonly string[];
  /** What a command of a Procfile means in this language; absent: itself. */
  readonly meaning?: (command: readonly string[], tree: Tree) => readonly string[];
  readonly recognise: (tree: Tree, build: BuildChoice) => Recipe | Unrecognised;
}
