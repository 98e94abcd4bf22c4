import { stripVTControlCharacters, styleText } from "node:util";

type Painter = (text: string) => string;
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
export type Paint = Readonly<Record<Style, Painter>> & { readonly enabled: boolean };

/** Painters for one stream; without colours they answer the text as it is. */
export function paintFor(enabled: boolean): Paint {
  const painter =
    (style: Style): Painter =>
    (text) =>
      enabled && text !== "" ? styleText(style, text, { validateStream: false }) : text;
  return {
    enabled,
    bold: painter("bold"),
    dim: painter("dim"),
    red: painter("red"),
    green: painter("green"),
    yellow: painter("yellow"),
    cyan: painter("cyan"),
  };
}

/** Made when first needed: its tables cost milliseconds that `--help` does not have. */
let graphemes: Intl.Segmenter | undefined;
/** Two cells wide: emoji, and the wide blocks of Unicode TR 11 (Hangul, CJK, full-width forms). */
const wide =
  /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6])/u;

/** How many cells of a terminal a text takes. */
export function displayWidth(text: string): number {
  graphemes ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  let width = 0;
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) {
    width += wide.test(segment) ? 2 : /^[\p{Mn}\p{Cc}\p{Cf}]/u.test(segment) ? 0 : 1;
  }
  return width;
}

/** Columns padded to their widest cell, two spaces between them, no spaces at the end of a line. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const lines = [head.map(paint.dim), ...rows];
  const widths = head.map((_title, i) => Math.max(...lines.map((line) => displayWidth(line[i] ?? ""))));
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - displayWidth(cell)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const escapes = /\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** A text of somebody else made harmless for a terminal: of all control characters only colours stay, where wanted. */
export function harmless(text: string, paint: Paint): string {
  return text.replace(escapes, (found) => (found.length > 1 && paint.enabled ? found : ""));
}
