import { Diagnostics, quoted } from "./diagnostic.ts";
import { type FieldDoc, isEmpty, type Json, type Kind } from "./kinds.ts";
import { isNull, keysAre, type MapNode, type Node, parseSource, show } from "./source.ts";
import { meantKey, synonymIn } from "./synonyms.ts";

/** A key of a section: its type, its meaning, and its default. */
export interface Field<T> extends FieldDoc {
  /** Returns the value of a missing key; reports an error if it is required. */
  absent(section: Node, key: string, diagnostics: Diagnostics): T;
  readonly kind: Kind<T>;
  /** Used if the section itself could not be read. */
  readonly none: T;
}

export function required<T>(kind: Kind<T>, describe: string): Field<T> {
  return {
    kind,
    describe,
    required: true,
    fallback: null,
    none: kind.none,
    absent(section, key, diagnostics) {
      const written = section.kind === "map" ? section.entries.get(key)?.value : undefined;
      if (written) diagnostics.add(written, `is empty – ${inPassing(describe)}`);
      else diagnostics.add(section, `is missing – ${inPassing(describe)}`, key);
      return kind.none;
    },
  };
}

/** A description as the end of a sentence: `what runs: one line, …`. */
function inPassing(describe: string): string {
  return describe.charAt(0).toLowerCase() + describe.slice(1).replace(/\.$/, "");
}

export function optional<T>(kind: Kind<T>, describe: string): Field<T | null> {
  return { kind: kind as Kind<T | null>, describe, required: false, fallback: null, none: null, absent: () => null };
}

/** A key with a default, written as the author would write it, so that the page and the parser cannot differ. */
export function defaulted<T>(kind: Kind<T>, fallback: string, describe: string): Field<T> {
  const value = meaning(kind, fallback);
  return { kind, describe, required: false, fallback, none: value, absent: () => value };
}

function meaning<T>(kind: Kind<T>, written: string): T {
  const diagnostics = new Diagnostics("default");
  const node = parseSource(written, diagnostics);
  return node ? kind.read(node, diagnostics) : kind.none;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type Read<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

interface SectionOptions<F extends Fields> {
  readonly fields: F;
  /** The key that is meant if something other than a mapping is written: `build: .` is `build: {context: .}`. */
  readonly short?: keyof F & string;
  /** Keys of later versions and of other formats, each with the sentence that refuses it. */
  readonly later?: Readonly<Record<string, string>>;
  /** Checks the values together; only called if each of them is valid. */
  readonly check?: (value: Read<F>, at: { node: Node; diagnostics: Diagnostics }) => void;
}

/** A mapping with fixed keys. Unknown keys are errors, never skipped. */
export function section<F extends Fields>({ fields, short, later = {}, check }: SectionOptions<F>): Kind<Read<F>> {
  const none = Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.none])) as Read<F>;
  return {
    label: short === undefined ? "section" : `section, or ${fields[short]?.kind.label ?? ""}`,
    json: sectionSchema(fields, short),
    fields,
    none,
    read(node, diagnostics) {
      if (isEmpty(node, diagnostics)) return none;
      const map = node.kind === "map" ? node : short === undefined ? null : shortForm(node, short);
      if (map === null) {
        diagnostics.add(node, `${show(node)} is not a section – ${sectionForm(node, Object.keys(fields))}`);
        return none;
      }
      const before = diagnostics.count;
      const meant = refuseUnknown(map, { known: Object.keys(fields), later, diagnostics });
      const value = Object.fromEntries(
        Object.entries(fields).map(([key, field]) => {
          const entry = map.entries.get(key);
          if (entry && !(field.required && isNull(entry.value)))
            return [key, field.kind.read(entry.value, diagnostics)];
          if (!entry && meant.has(key)) return [key, field.none];
          return [key, field.absent(map, key, diagnostics)];
        }),
      ) as Read<F>;
      if (check && diagnostics.count === before) check(value, { node, diagnostics });
      return value;
    },
  };
}

function shortForm(node: Node, short: string): MapNode {
  return { ...node, kind: "map", entries: new Map([[short, { key: node, value: node }]]) };
}

interface KnownKeys {
  readonly known: readonly string[];
  readonly later: Readonly<Record<string, string>>;
  readonly diagnostics: Diagnostics;
}

/** Reports unknown keys; returns the known ones that are meant by them, which then are not missing too. */
function refuseUnknown(map: MapNode, { known, later, diagnostics }: KnownKeys): ReadonlySet<string> {
  const all = new Set<string>();
  for (const [key, entry] of map.entries) {
    if (known.includes(key)) continue;
    // Below `env:` a key may really be a value.
    const name = map.quiet ? "an unknown key" : `unknown key ${quoted(key)}`;
    const meant = Object.hasOwn(later, key) ? null : meantKey(key, known);
    if (meant !== null) all.add(meant);
    const refusal = meant === null ? later[synonymIn(key, Object.keys(later)) ?? ""] : undefined;
    diagnostics.addAt(entry.key, refusal ?? `${name} – ${keysAre(meant, known)}`);
  }
  return all;
}

/** What to write where a section is wanted; `run:node server.js` lacks the space that YAML needs. */
function sectionForm(node: Node, known: readonly string[]): string {
  const [, key = ""] = node.kind === "scalar" ? (/^(\w+):\S/.exec(node.text) ?? []) : [];
  if (known.includes(key)) return `write a space after ${key}:`;
  return `write keys below it: ${known.join(", ")}`;
}

function sectionSchema(fields: Fields, short: string | undefined): { readonly [key: string]: Json } {
  const properties = Object.entries(fields).map(([key, field]) => [key, fieldSchema(field)]);
  const needed = Object.entries(fields).flatMap(([key, field]) => (field.required && key !== short ? [key] : []));
  const object = {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(properties),
    ...(needed.length > 0 ? { required: needed } : {}),
  };
  const shorthand = short === undefined ? undefined : fields[short];
  return shorthand ? { anyOf: [shorthand.kind.json, object] } : object;
}

function fieldSchema(field: Field<unknown>): Json {
  const description = field.fallback === null ? field.describe : `${field.describe} Default: ${field.fallback}`;
  return { description: plain(description), ...field.kind.json, ...defaultOf(field) };
}

/** The default as JSON, where it has one form: editors fill it in. */
function defaultOf({ fallback, kind }: Field<unknown>): { readonly [key: string]: Json } {
  if (fallback === null || !/^[\w%.]+$/.test(fallback)) return {};
  if (kind.json.type === "integer") return { default: Number(fallback) };
  return { default: kind.json.type === "boolean" ? fallback === "true" : fallback };
}

/** Without the code marks of the reference page. */
function plain(markdown: string): string {
  return markdown.replaceAll("`", "");
}

interface MapRule<T> {
  readonly each: Kind<T>;
  /** The form of the keys, and its description. */
  readonly key: RegExp;
  readonly wanted: string;
  readonly min?: number;
  readonly max: number;
}

/** A mapping from names that the author chooses. Keeps the written order. */
export function mapOf<T>({ each, key, wanted, min = 0, max }: MapRule<T>): Kind<ReadonlyMap<string, T>> {
  return {
    label: "mapping",
    json: {
      type: "object",
      propertyNames: { pattern: key.source },
      additionalProperties: each.json,
      ...(min > 0 ? { minProperties: min } : {}),
    },
    each,
    none: new Map(),
    read(node, diagnostics) {
      if (isEmpty(node, diagnostics)) return new Map();
      if (node.kind !== "map") {
        diagnostics.add(node, `${show(node)} is not a mapping – write names and values below it`);
        return new Map();
      }
      if (!isCountRight(node, { min, max, count: node.entries.size, diagnostics })) return new Map();
      for (const [name, entry] of node.entries)
        if (!key.test(name)) diagnostics.addAt(entry.key, `${node.quiet ? "this key" : quoted(name)} is not ${wanted}`);
      return new Map([...node.entries].map(([name, entry]) => [name, each.read(entry.value, diagnostics)]));
    },
  };
}

interface ListRule<T> {
  readonly each: Kind<T>;
  readonly min?: number;
  readonly max: number;
}

/** More than the limit are not read: each could cause an error, and each service reads the app's variables. */
function isCountRight(
  node: Node,
  { min, max, count, diagnostics }: { min: number; max: number; count: number; diagnostics: Diagnostics },
): boolean {
  const right = count >= min && count <= max;
  if (!right) diagnostics.add(node, `has ${count} entries – from ${min} to ${max} are allowed`);
  return right;
}

/** A list without repetitions. */
export function listOf<T>({ each, min = 0, max }: ListRule<T>): Kind<readonly T[]> {
  return {
    label: `list of ${each.label}`,
    json: { type: "array", items: each.json, maxItems: max, ...(min > 0 ? { minItems: min } : {}) },
    each,
    none: [],
    read(node, diagnostics) {
      if (isEmpty(node, diagnostics)) return [];
      if (node.kind !== "list") {
        const plain = node.kind === "scalar" && !node.quiet && node.oneLine;
        diagnostics.add(node, `${show(node)} is not a list – write ${plain ? `[${show(node)}]` : "[one, two]"}`);
        return [];
      }
      if (!isCountRight(node, { min, max, count: node.items.length, diagnostics })) return [];
      const seen = new Set<T>();
      const values = node.items.map((item) => {
        const before = diagnostics.count;
        const value = each.read(item, diagnostics);
        if (diagnostics.count === before && seen.has(value))
          diagnostics.add(item, `${show(item)} is already in the list`);
        seen.add(value);
        return value;
      });
      return values;
    },
  };
}
