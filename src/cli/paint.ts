import { stripVTControlCharacters, styleText } from "node:util";
import { joined, printable } from "../base/printable.ts";

type Painter = (text: string) => string;
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
export type Paint = Readonly<Record<Style, Painter>> & { readonly enabled: boolean };

/** Painters for one stream; without colours they return the text unchanged. */
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

/** Created when first needed: its tables take milliseconds that `--help` must not spend. */
let graphemes: Intl.Segmenter | undefined;
/** Two cells wide: emoji, and the wide blocks of Unicode TR 11 (Hangul, CJK, full-width forms). */
const wide =
  /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6])/u;

/** Width of a text in terminal cells. */
export function displayWidth(text: string): number {
  graphemes ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  let width = 0;
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) {
    width += wide.test(segment) ? 2 : /^[\p{Mn}\p{Cc}\p{Cf}]/u.test(segment) ? 0 : 1;
  }
  return width;
}

/** Columns padded to their widest cell, two spaces apart, no trailing spaces. A row is always one line. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const lines = [head.map(paint.dim), ...rows.map((row) => row.map(joined))];
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
const colours = /(\x1b\[[0-9;]*m)/;

/**
 * Foreign text made harmless for a terminal (src/base/printable.ts): of all control sequences only colours stay, if
 * enabled, and only those that keep the text visible.
 */
export function harmless(text: string, paint: Pick<Paint, "enabled">): string {
  if (!text.includes("\x1b")) return printable(text);
  return text
    .split(colours)
    .map((part, place) => (place % 2 === 0 ? printable(part) : paint.enabled && !isHiding(part) ? part : ""))
    .join("");
}

/** The same as a part of one line, which it cannot end, and of one column: two spaces part columns. */
export function harmlessLine(text: string, paint: Pick<Paint, "enabled">): string {
  return harmless(joined(text), paint).replaceAll(/ {2,}/g, " ");
}

/** ECMA-48 section 8.3.117: 8 conceals. After 38 and 48 it is part of a colour. */
function isHiding(colour: string): boolean {
  return !/[34]8;/.test(colour) && /(?:\[|;)0*8(?:;|m)/.test(colour);
}
