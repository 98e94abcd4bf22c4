/** Maximum length of foreign text in one line of output; more does not help a reader. */
const longestLine = 2_000;
/** Maximum number of marks on one letter (UAX 15, stream-safe text: 30); more only cover the lines around it. */
const mostMarks = 30;

/**
 * Invisible characters that have an effect: controls (C0, DEL, C1), direction and zero-width characters, tags and
 * fillers, line and paragraph separators, lone surrogates. Line ends and tabs are not included, nor emoji joiners and
 * variation selectors.
 */
const unseen =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /(?!(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)\u200d(?=\p{Extended_Pictographic}))(?![\ufe00-\ufe0f])[\p{DI}\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u2800\ufff9-\ufffb\p{Cs}]/gu;
const marks = new RegExp(`(\\p{M}{${mostMarks}})\\p{M}+`, "gu");
const isPlain = /^[\x20-\x7e\t\n]*$/;
const lineEnds = /\s*[\n\v\f\r\x85\u2028\u2029]\s*|\t/g;

/** Foreign text made safe for a terminal, a log or a page: nothing in it has an effect or hides other text. */
export function printable(text: string): string {
  if (isPlain.test(text)) return text;
  return text.replace(unseen, "").replace(marks, "$1");
}

/** Without line ends and tabs; nothing else changes. */
export function joined(text: string): string {
  return text.replace(lineEnds, " ");
}

/**
 * The same for part of one line and one column: it cannot end the line, and has no two spaces, which separate columns.
 */
export function oneLine(text: string, most = longestLine): string {
  const line = printable(joined(text)).replaceAll(/ {2,}/g, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most - 1).toWellFormed()}…`;
}

/** JSON in which every character is visible: others are written as `\u202e`, which keeps the value. */
export function plainJson(value: unknown): string {
  return seenJson(JSON.stringify(value));
}

/** The same for a text that is already JSON. */
export function seenJson(text: string): string {
  if (isPlain.test(text)) return text;
  return text.replace(unseen, (found) =>
    Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}
