import { Composer, type ErrorCode, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from "yaml";
import { variableName } from "../base/variable-name.ts";
import { namePattern } from "../model/environment.ts";
import { type Diagnostics, oneOf, quoted } from "./diagnostic.ts";

/** A written scalar, list or mapping with its place. Overlays merge nodes, so every value keeps where it was written. */
export type Node = ScalarNode | ListNode | MapNode;

export interface Place {
  /** Dotted path from the top of the file; ends at the variable's name for deeper nodes in an `env:` mapping. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
  /** Below `env:`, `groups:`, `args:` or `registries:`: its text may be a secret and must not be shown. */
  readonly quiet: boolean;
}

export interface ScalarNode extends Place {
  readonly kind: "scalar";
  /** As written, so that `1.10` stays `1.10`. */
  readonly text: string;
  readonly value: string | number | boolean | null;
  readonly oneLine: boolean;
}

export interface ListNode extends Place {
  readonly kind: "list";
  readonly items: readonly Node[];
}

export interface MapNode extends Place {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, NodeEntry>;
}

export interface NodeEntry {
  /** The place of the key, where unknown keys are reported. */
  readonly key: Place;
  readonly value: Node;
}

/** Real manifests have below 20 KiB, 5,000 tokens and 8 levels; the limits bound the time that a hostile one can take. */
const limits = { bytes: 256 * 1024, tokens: 30_000, scalar: 40_000, depth: 24 } as const;

/** Keys of the typed form of a variable; below `env:` only these and the variables' names may be shown. */
export const variableKeys = [
  "secret",
  "required",
  "value",
  "default",
  "pattern",
  "oneOf",
  "minLength",
  "maxLength",
  "generate",
  "forbid",
  "change",
  "scope",
] as const;

const syntaxFaults: Partial<Record<ErrorCode, string>> = {
  BAD_DIRECTIVE: "a line that starts with % is not allowed – remove it",
  BAD_DQ_ESCAPE: 'this is not a valid escape in a "…" text – use single quotes, or double the backslash',
  BAD_INDENT:
    "the indentation is wrong, or a bracket above is not closed – indent what belongs below a key by two spaces",
  BAD_SCALAR_START: "a text cannot start with this character – put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a second `key:` on one line – put it on its own line, or quote the text",
  BLOCK_IN_FLOW: "an indented block inside brackets – close the bracket first",
  IMPOSSIBLE: "this is not valid YAML",
  KEY_OVER_1024_CHARS: "a key has more than 1024 characters",
  MISSING_CHAR: "a quote, bracket, comma, colon or space is missing here, or a quote or bracket above is not closed",
  MULTILINE_IMPLICIT_KEY:
    "this text continues on the next line – is a colon or the space after it missing, or is the next line indented too far?",
  MULTIPLE_DOCS: "a second document starts here – a manifest is one document, remove the ---",
  RESOURCE_EXHAUSTION: "this is nested too deeply",
  TAB_AS_INDENT: "a tab indents this line – use spaces",
  UNEXPECTED_TOKEN:
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the manifest's own references
    "this is unexpected here – is a quote or bracket not closed, a ${…} in brackets not quoted, or a line indented wrongly?",
};

/**
 * Reads YAML 1.2 into nodes with places; null after errors. Never throws. Anchors, aliases, tags, merge keys and
 * repeated keys are refused, so that a manifest is read where it is written.
 */
export function parseSource(text: string, diagnostics: Diagnostics): Node | null {
  const top = { path: "", line: 1, column: 1 };
  if (Buffer.byteLength(text) > limits.bytes) {
    diagnostics.addAt(top, `the file is larger than ${limits.bytes / 1024} KiB`);
    return null;
  }
  const nul = text.indexOf("\0");
  if (nul >= 0) {
    diagnostics.addAt({ ...top, line: text.slice(0, nul).split("\n").length }, "this is not a text file");
    return null;
  }
  const tooMuch = tooMuchFor(text);
  if (tooMuch !== null) {
    diagnostics.addAt(top, tooMuch);
    return null;
  }
  const lines = new LineCounter();
  const options = { uniqueKeys: false, prettyErrors: false, logLevel: "silent", resolveKnownTags: false } as const;
  const documents = [...new Composer(options).compose(new Parser(lines.addNewLine).parse(text), true, text.length)];
  const before = diagnostics.count;
  for (const { at, code } of syntaxErrors(documents.flatMap((document) => document.errors))) {
    const { line, col } = lines.linePos(at);
    diagnostics.addAt({ path: "", line, column: col }, syntaxFaults[code] ?? "this is not valid YAML");
  }
  const second = documents[1];
  if (second) {
    const { line, col } = lines.linePos(second.range[0]);
    diagnostics.addAt({ path: "", line, column: col }, syntaxFaults.MULTIPLE_DOCS ?? "");
  }
  if (diagnostics.count > before) return null;
  const reader = new TreeReader(lines, diagnostics);
  const root = reader.read(documents[0]?.contents, { path: [], at: 0 });
  return diagnostics.count > before ? null : root;
}

/**
 * One error for each place: the parser reports some mistakes twice. Of those two, a key over several lines names the
 * cause, otherwise the first.
 */
function syntaxErrors(errors: readonly { readonly code: ErrorCode; readonly pos: readonly [number, number] }[]) {
  const byPlace = new Map<number, ErrorCode>();
  for (const { code, pos } of errors)
    if (!byPlace.has(pos[0]) || code === "MULTILINE_IMPLICIT_KEY") byPlace.set(pos[0], code);
  return [...byPlace].map(([at, code]) => ({ at, code }));
}

/** Limits on a text before composing: YAML's own errors are expensive, and each bracket or escape can cause one. */
function tooMuchFor(text: string): string | null {
  let count = 0;
  for (const token of new Lexer().lex(text)) {
    count += 1;
    if (count > limits.tokens) return `the file has more than ${limits.tokens} keys, values and signs`;
    if (token.length > limits.scalar) return `a text or comment in the file has more than ${limits.scalar} characters`;
  }
  return null;
}

interface Way {
  readonly path: readonly string[];
  /** Offset to report when the node itself has none (`key` without a value). */
  readonly at: number;
}

/** Properties that the composer may set on any node. */
interface Ranged {
  readonly range?: readonly [number, number, number];
  readonly tag?: string;
  readonly anchor?: string;
}

/** Turns composed YAML into nodes and refuses what a manifest does not need. */
class TreeReader {
  readonly #lines: LineCounter;
  readonly #diagnostics: Diagnostics;

  constructor(lines: LineCounter, diagnostics: Diagnostics) {
    this.#lines = lines;
    this.#diagnostics = diagnostics;
  }

  read(source: unknown, way: Way): Node {
    const ranged = source as Ranged | null | undefined;
    const start = ranged?.range?.[0] ?? way.at;
    const place = this.#place({ ...way, at: start });
    const nothing = { ...place, kind: "scalar", text: "", value: null, oneLine: true } as const;
    if (way.path.length > limits.depth) return this.#refuse(nothing, "this is nested too deeply");
    if (isAlias(source) || ranged?.anchor !== undefined)
      return this.#refuse(nothing, "anchors and aliases (& and *) are not allowed – write the value out, or quote it");
    if (ranged?.tag !== undefined) return this.#refuse(nothing, "tags (!) are not allowed – quote the text");
    if (isSeq(source)) {
      const items = source.items.map((item, i) => this.read(item, { path: [...way.path, `[${i}]`], at: start }));
      return { ...place, kind: "list", items };
    }
    if (isMap(source)) return { ...place, kind: "map", entries: this.#entries(source.items, way) };
    if (!isScalar(source)) return nothing;
    const end = this.#lines.linePos(ranged?.range?.[1] ?? start);
    const value = scalarValue(source.value);
    const written = typeof source.value === "string" ? source.value : (source.source ?? "");
    return { ...place, kind: "scalar", text: written, value, oneLine: end.line === place.line };
  }

  #entries(pairs: readonly { key: unknown; value: unknown }[], way: Way): Map<string, NodeEntry> {
    const entries = new Map<string, NodeEntry>();
    for (const pair of pairs) {
      const at = (pair.key as { range?: [number, number, number] } | null)?.range?.[0] ?? way.at;
      const key = this.#key(pair.key, { ...way, at });
      if (key === null) continue;
      const inner = { path: [...way.path, key], at };
      const place = this.#place(inner);
      const first = entries.get(key);
      if (first) this.#refuse(place, `is written twice – it is already on line ${first.key.line}`);
      else entries.set(key, { key: place, value: this.read(pair.value, inner) });
    }
    return entries;
  }

  /** A key over several lines contains the text below it, and would show it. */
  #key(source: unknown, way: Way): string | null {
    const { tag, anchor, range } = (source ?? {}) as Ranged;
    const key = isScalar(source) && source.value !== null ? (source.source ?? String(source.value)) : null;
    const oneLine = this.#lines.linePos(range?.[1] ?? way.at).line === this.#lines.linePos(way.at).line;
    if (key !== null && key !== "<<" && oneLine && tag === undefined && anchor === undefined) return key;
    const merge = "merge keys (<<) are not allowed – write the values out";
    this.#refuse(this.#place(way), key === "<<" ? merge : "a key must be a plain name on one line");
    return null;
  }

  #place({ path, at }: Way): Place {
    const { line, col } = this.#lines.linePos(at);
    return { path: shownPath(path), line, column: col, quiet: quietFrom(path) >= 0 };
  }

  #refuse<T extends Place>(place: T, message: string): T {
    this.#diagnostics.addAt(place, message);
    return place;
  }
}

function scalarValue(value: unknown): ScalarNode["value"] {
  if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
  return String(value);
}

/** The position in a path after which something may be a value, names of variables first; -1: nowhere. */
function quietFrom(path: readonly string[]): number {
  const groups = path[0] === "environments" ? 2 : 0;
  if (path[groups] === "groups" || path[groups] === "registries") return groups + 1;
  return path.findIndex((key) => key === "env" || key === "args");
}

/** The path as text; below `env:`, `groups:`, `args:` and `registries:` a key that could be a value ends it. */
function shownPath(path: readonly string[]): string {
  const quiet = quietFrom(path);
  const isShown = (key: string, i: number): boolean => {
    if (quiet < 0 || i < quiet) return true;
    if (i === quiet) return key === "env" || key === "args" || namePattern.test(key) || path[i - 1] === "registries";
    return i === quiet + 1 ? variableName.test(key) : (variableKeys as readonly string[]).includes(key);
  };
  const hidden = path.findIndex((key, i) => !isShown(key, i));
  const shown = (hidden < 0 ? path : path.slice(0, hidden)).map((key) =>
    /^[\w./[\]-]{1,60}$/.test(key) ? key : quoted(key),
  );
  return shown.join(".").replaceAll(".[", "[");
}

/** A node in a message: its text if it may be shown, otherwise its kind. */
export function show(node: Node): string {
  if (node.kind !== "scalar") return node.kind === "map" ? "a mapping" : "a list";
  return node.quiet || !node.oneLine ? "this value" : quoted(node.text);
}

/** A key with nothing after it, `~` or `null`. */
export function isNull(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

/** The entry of a mapping; undefined if there is none or the node is not a mapping. */
export function entryOf(node: Node | undefined, key: string): NodeEntry | undefined {
  return node?.kind === "map" ? node.entries.get(key) : undefined;
}

/** The node at a path of keys, or the deepest existing one. */
export function nodeAt(root: Node, ...keys: readonly string[]): Node {
  return keys.reduce((node, key) => entryOf(node, key)?.value ?? node, root);
}

/** Text after an unknown key: the likely one, or all keys. */
export function keysAre(meant: string | null, keys: readonly string[]): string {
  return meant === null ? `the keys here are ${oneOf(keys)}` : `did you mean ${quoted(meant)}?`;
}
