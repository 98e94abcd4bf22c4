/** How much of a foreign text stands in one line of ours: what is longer says nothing more to a reader. */
const longestLine = 2_000;
/** More marks on one letter than any script has (UAX 15, stream-safe text: 30) only cover the lines around it. */
const mostMarks = 30;

/**
 * What is not seen and acts all the same: controls (C0, DEL, C1), direction and zero-width characters, tags and fillers,
 * line and paragraph separators, lone surrogates. Line ends and tabs are not among them, nor what joins and varies emoji.
 */
const unseen =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /(?!(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)\u200d(?=\p{Extended_Pictographic}))(?![\ufe00-\ufe0f])[\p{DI}\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u2800\ufff9-\ufffb\p{Cs}]/gu;
const marks = new RegExp(`(\\p{M}{${mostMarks}})\\p{M}+`, "gu");
const isPlain = /^[\x20-\x7e\t\n]*$/;
const lineEnds = /\s*[\n\v\f\r\x85\u2028\u2029]\s*|\t/g;

/** A text of somebody else as it may reach a terminal, a log or a page: nothing in it acts, or hides what stands there. */
export function printable(text: string): string {
  if (isPlain.test(text)) return text;
  return text.replace(unseen, "").replace(marks, "$1");
}

/** Without line ends and tabs; nothing else changes. */
export function joined(text: string): string {
  return text.replace(lineEnds, " ");
}

/** The same as a part of one line, which it cannot end, and of one column: two spaces part columns. */
export function oneLine(text: string, most = longestLine): string {
  const line = printable(joined(text)).replaceAll(/ {2,}/g, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most - 1).toWellFormed()}…`;
}

/** JSON of which every character is seen: the others are written `\u202e`, so that the value is the same. */
export function plainJson(value: unknown): string {
  return seenJson(JSON.stringify(value));
}

/** The same of a text that is JSON already. */
export function seenJson(text: string): string {
  if (isPlain.test(text)) return text;
  return text.replace(unseen, (found) =>
    Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}
