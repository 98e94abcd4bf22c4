import { isImage } from "./dockerfile.ts";
import type { BuildChoice, Language } from "./recipe.ts";

/** The image a stage begins with: the configured one when it is a name of an image, else the official one. */
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
