import { parseDuration } from "../base/duration.ts";
import { parseSize } from "../base/size.ts";
import { valueLimit } from "../base/variable-name.ts";
import { type Diagnostics, oneOf } from "./diagnostic.ts";
import { type Node, type ScalarNode, show } from "./source.ts";

/** A JSON value, as far as schemas and examples need one. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The type of a manifest value: the single source of parser, reference page and JSON Schema. */
export interface Kind<T> {
  /** What the reference page calls it. */
  readonly label: string;
  /** JSON Schema draft-07. */
  readonly json: { readonly [key: string]: Json };
  /** The kind of the values of a mapping or list, for the reference page. */
  readonly each?: Kind<unknown>;
  /** The keys of a section, for the reference page and the JSON Schema. */
  readonly fields?: Readonly<Record<string, FieldDoc>>;
  /** A harmless value: the result of reading after an error. */
  readonly none: T;
  /** Never throws; errors go to the diagnostics. */
  read(node: Node, diagnostics: Diagnostics): T;
}

/** What the reference page says about one key. `fallback` and `example` are written as in the manifest. */
export interface FieldDoc {
  readonly kind: Kind<unknown>;
  readonly describe: string;
  readonly required: boolean;
  readonly fallback: string | null;
}

interface ScalarKind<T> {
  readonly label: string;
  readonly json: { readonly [key: string]: Json };
  readonly none: T;
  /** `a port – write a number from 1 to 65535`: ends the sentence `"abc" is not …`. */
  readonly wanted: string;
  /** The value, or null when the node is not one. */
  readonly parse: (node: ScalarNode) => T | null;
}

/** A kind that is written as one plain value. */
export function scalar<T>(options: ScalarKind<T>): Kind<T> {
  const { label, json, none, wanted, parse } = options;
  return {
    label,
    json,
    none,
    read(node, diagnostics) {
      if (isEmpty(node, diagnostics)) return none;
      const value = node.kind === "scalar" && !hasControl(node.text) ? parse(node) : null;
      if (value !== null) return value;
      diagnostics.add(node, `${show(node)} is not ${wanted}`);
      return none;
    },
  };
}

/** Reports `key:` with nothing after it: it may mean "none", "the default" or "I was interrupted". */
export function isEmpty(node: Node, diagnostics: Diagnostics): boolean {
  if (node.kind !== "scalar" || node.value !== null) return false;
  diagnostics.add(node, "is empty – write a value, or remove the key");
  return true;
}

/** Control characters other than tab and line ends: no name, path or command has them, and terminals obey them. */
function hasControl(text: string): boolean {
  return /[\p{Cc}]/u.test(text.replace(/[\t\r\n]/g, ""));
}

export interface TextRule {
  readonly label: string;
  readonly wanted: string;
  readonly pattern: RegExp;
  readonly max: number;
}

/** A text of a fixed form. */
export function text({ label, wanted, pattern, max }: TextRule): Kind<string> {
  return scalar({
    label,
    json: { type: "string", pattern: pattern.source, maxLength: max },
    none: "",
    wanted,
    parse: (node) => (node.text.length <= max && pattern.test(node.text) ? node.text : null),
  });
}

/** Text as written: a number or true/false gives its text, so that `1.10` stays `1.10`. At most `valueLimit`. */
export function anyText(): Kind<string> {
  return scalar({
    label: "text",
    json: { type: ["string", "number", "boolean"] },
    none: "",
    wanted: `a text of at most ${valueLimit} characters – write one plain value, in quotes if it has special characters`,
    parse: (node) => (node.text.length <= valueLimit ? node.text : null),
  });
}

export function integer(what: string, { min, max }: { min: number; max: number }): Kind<number> {
  return scalar({
    label: min === max ? `${min}` : `${min}–${max}`,
    json: { type: "integer", minimum: min, maximum: max },
    none: min,
    wanted: min === max ? `${what} – write ${min}` : `${what} – write a number from ${min} to ${max}`,
    parse: (node) => (/^\d{1,15}$/.test(node.text) ? within(Number(node.text), { min, max }) : null),
  });
}

export function flag(): Kind<boolean> {
  return scalar({
    label: "true or false",
    json: { type: "boolean" },
    none: false,
    wanted: "true or false",
    parse: (node) => (typeof node.value === "boolean" ? node.value : null),
  });
}

/** Processor cores: whole ones or hundredths. */
export function cores(): Kind<number> {
  return scalar({
    label: "cores",
    json: { type: "number", minimum: 0.01, maximum: 1_024 },
    none: 1,
    wanted: "a number of processor cores – write it like 0.5 or 2",
    parse: ({ text: written }) =>
      /^\d{1,4}(?:\.\d{1,2})?$/.test(written) ? within(Number(written), { min: 0.01, max: 1_024 }) : null,
  });
}

export function choice<const C extends string>(choices: readonly [C, ...C[]]): Kind<C> {
  return scalar<C>({
    label: choices.map((word) => `\`${word}\``).join(", "),
    json: { enum: choices },
    none: choices[0],
    wanted: choices.length === 1 ? choices[0] : `one of ${oneOf(choices)}`,
    parse: (node) => choices.find((word) => word === node.text) ?? null,
  });
}

/** A duration in milliseconds between two durations, ends included. */
export function duration(min: string, max: string): Kind<number> {
  const bounds = { min: parseDuration(min) ?? 0, max: parseDuration(max) ?? 0 };
  return scalar({
    label: `duration ${min}–${max}`,
    json: { type: "string", pattern: "^(?:\\d{1,9}(?:\\.\\d{1,3})?(?:ms|s|m|h|d))+$" },
    none: bounds.min,
    wanted: `a duration from ${min} to ${max} – write it like 500ms, 30s or 1m30s`,
    parse: (node) => within(parseDuration(node.text), bounds),
  });
}

/** A size in bytes between two sizes, ends included. */
export function size(min: string, max: string): Kind<number> {
  const bounds = { min: parseSize(min) ?? 0, max: parseSize(max) ?? 0 };
  return scalar({
    label: `size ${min}–${max}`,
    json: { type: "string", pattern: "^\\d{1,9}(?:\\.\\d{1,3})?(?:B|KB|MB|GB)$" },
    none: bounds.min,
    wanted: `a size from ${min} to ${max} – write it like 512MB or 1.5GB`,
    parse: (node) => within(parseSize(node.text), bounds),
  });
}

/** A share from 0 to 1, written as a percentage. */
export function share(): Kind<number> {
  return scalar({
    label: "percentage",
    json: { type: "string", pattern: "^\\d{1,3}(?:\\.\\d{1,3})?%$" },
    none: 0,
    wanted: "a percentage – write it like 1% or 12.5%",
    parse({ text: written }) {
      const found = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(written);
      // Rounded, or 7% would be 0.07000000000000001.
      return found ? within(Math.round(Number(found[1]) * 1_000) / 100_000, { min: 0, max: 1 }) : null;
    },
  });
}

/** A number of requests per time, written `100/1m`. */
export function rate(): Kind<{ requests: number; windowMs: number }> {
  return scalar({
    label: "rate",
    json: { type: "string", pattern: "^[1-9]\\d{0,8}/.+$" },
    none: { requests: 1, windowMs: 1_000 },
    wanted: "a rate – write requests/time, like 100/1m",
    parse({ text: written }) {
      const found = /^([1-9]\d{0,8})\/(.+)$/.exec(written);
      const windowMs = within(parseDuration(found?.[2] ?? ""), { min: 1_000, max: 86_400_000 });
      return found && windowMs !== null ? { requests: Number(found[1]), windowMs } : null;
    },
  });
}

function within(value: number | null, { min, max }: { min: number; max: number }): number | null {
  return value !== null && value >= min && value <= max ? value : null;
}

/** The same kind, but mappings are refused with this sentence. */
export function noMapping<T>(kind: Kind<T>, because: string): Kind<T> {
  return {
    ...kind,
    read(node, diagnostics) {
      if (node.kind !== "map") return kind.read(node, diagnostics);
      diagnostics.add(node, because);
      return kind.none;
    },
  };
}
