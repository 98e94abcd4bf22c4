import type { Diagnostics } from "./diagnostic.ts";
import { isEmpty, type Kind } from "./kinds.ts";
import { type Node, show } from "./source.ts";

export type SplitCommand =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** The longest command: far below the limit of Linux (ARG_MAX, 2 MiB), far above what anybody writes. */
const commandLimit = 8_192;
const explicit = 'write ["sh", "-c", "…"] to use a shell';

/**
 * Splits a command line into arguments as POSIX sh does (2.2 Quoting, 2.6.5 Field Splitting), with nothing expanded.
 * Shell features – operators, `$NAME`, several lines, `NAME=value` in front – are refused with the alternative, because
 * the program would otherwise get them as arguments.
 */
export function splitCommand(line: string): SplitCommand {
  if (line.length > commandLimit) return refuse(`the command has more than ${commandLimit} characters`);
  const words: string[] = [];
  let word: string | null = null;
  const source = line.trim();
  for (let i = 0; i < source.length; ) {
    const piece = nextPiece(source, i);
    if ("message" in piece) return refuse(piece.message);
    if (piece.text === null) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + piece.text;
    i = piece.next;
  }
  if (word !== null) words.push(word);
  if (/^[A-Za-z_]\w*=/.test(source))
    return refuse("a variable in front of a command needs a shell – write it under env:");
  return words[0] === undefined || words[0] === "" ? refuse("the command is empty") : { ok: true, words };
}

function refuse(message: string): SplitCommand {
  return { ok: false, message };
}

/** A piece of a word, or the space between two words (`text` null). */
type Piece = { readonly text: string | null; readonly next: number } | { readonly message: string };

function nextPiece(source: string, at: number): Piece {
  const sign = source.charAt(at);
  if (/[\r\n]/.test(sign)) return { message: `a command must be one line – ${explicit}` };
  if (/[ \t]/.test(sign)) return { text: null, next: at + 1 };
  if (sign === "'") return singleQuoted(source, at);
  if (sign === '"') return doubleQuoted(source, at);
  if (sign === "\\") return escaped(source, at);
  const expansion = expansionAt(source, at);
  if (expansion) return { message: expansion };
  if (/[|<>&;()]/.test(sign)) return { message: `${sign} needs a shell – put it in quotes, or ${explicit}` };
  return { text: sign, next: at + 1 };
}

function escaped(source: string, at: number): Piece {
  if (at + 1 >= source.length) return { message: "a backslash ends the command" };
  return { text: source.charAt(at + 1), next: at + 2 };
}

function singleQuoted(source: string, at: number): Piece {
  const end = source.indexOf("'", at + 1);
  return end < 0 ? { message: "a single quote is not closed" } : { text: source.slice(at + 1, end), next: end + 1 };
}

/** In double quotes a backslash escapes only `$`, a backtick, `"`, itself and a line end (POSIX sh, 2.2.3). */
function doubleQuoted(source: string, at: number): Piece {
  let text = "";
  for (let i = at + 1; i < source.length; i += 1) {
    const sign = source.charAt(i);
    if (sign === '"') return { text, next: i + 1 };
    const expansion = expansionAt(source, i);
    if (expansion) return { message: expansion };
    if (sign === "\\" && /["$`\\]/.test(source.charAt(i + 1))) {
      i += 1;
      text += source.charAt(i);
    } else text += sign;
  }
  return { message: "a double quote is not closed" };
}

function expansionAt(source: string, at: number): string | null {
  const sign = source.charAt(at);
  if (sign === "`" || source.startsWith("$(", at)) return `${sign === "`" ? "`" : "$("} needs a shell – ${explicit}`;
  if (sign === "$" && /[A-Za-z_{@*#?0-9]/.test(source.charAt(at + 1)))
    return `$ with a name is not expanded without a shell – let the program read its environment, or ${explicit}`;
  return null;
}

/** A command: one line that is split without a shell, or the list of arguments. */
export const command: Kind<readonly string[]> = {
  label: "command",
  json: {
    anyOf: [
      { type: "string", minLength: 1 },
      { type: "array", minItems: 1, items: { type: ["string", "number", "boolean"] } },
    ],
  },
  none: [],
  read(node, diagnostics) {
    if (isEmpty(node, diagnostics)) return [];
    if (node.kind === "list") return argumentList(node.items, { node, diagnostics });
    if (node.kind === "map") {
      diagnostics.add(node, "a mapping is not a command – write one line or a list of arguments");
      return [];
    }
    const split = /\p{Cc}/u.test(node.text.replace(/[\t\r\n]/g, ""))
      ? refuse("the command contains a control character")
      : splitCommand(node.text);
    if (split.ok) return split.words;
    diagnostics.add(node, split.message);
    return [];
  },
};

function argumentList(items: readonly Node[], at: { node: Node; diagnostics: Diagnostics }): string[] {
  const first = items[0];
  if (!first || (first.kind === "scalar" && first.text.trim() === ""))
    at.diagnostics.add(at.node, "the command is empty");
  const length = items.reduce((sum, item) => sum + (item.kind === "scalar" ? item.text.length : 0), 0);
  if (length > commandLimit) at.diagnostics.add(at.node, `the command has more than ${commandLimit} characters`);
  return items.map((item) => {
    if (item.kind === "scalar" && item.value !== null) return item.text;
    at.diagnostics.add(
      item,
      `${item.kind === "scalar" ? "nothing" : show(item)} is not an argument – write a text, "" for an empty one`,
    );
    return "";
  });
}
