import type { Language } from "../base/languages.ts";
import { isImage } from "./dockerfile.ts";
import type { BuildChoice } from "./recipe.ts";

/** The base image of a stage: the configured one if it is a valid image name, otherwise the official one. */
export function baseImage(
  { base }: BuildChoice,
  language: Language,
  official: string,
): { readonly image: string; readonly warnings: readonly string[] } {
  const given = Object.hasOwn(base, language) ? base[language] : undefined;
  if (given === undefined) return { image: official, warnings: [] };
  if (isImage(given)) return { image: given, warnings: [] };
  return { image: official, warnings: [`build.base.${language} is not an image name; using ${official}`] };
}
