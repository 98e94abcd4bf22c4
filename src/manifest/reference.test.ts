import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { Diagnostics } from "./diagnostic.ts";
import { example } from "./example.ts";
import { manifest } from "./grammar.ts";
import type { FieldDoc, Json, Kind } from "./kinds.ts";
import { manifestSchema, referencePage } from "./reference.ts";
import { parseSource } from "./source.ts";

type Schema = { readonly [key: string]: Json };
const asSchema = (value: Json | undefined): Schema | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Schema) : null;

/** Where a value breaks a schema; of draft-07 as much as our schema uses, and loud about anything else. */
function faultsOf(schema: Schema, value: Json, at: string): string[] {
  const known =
    "$schema title description default examples type enum pattern maxLength minLength minimum maximum anyOf";
  const more =
    "properties required additionalProperties propertyNames minProperties maxProperties items minItems maxItems";
  for (const key of Object.keys(schema)) expect(`${known} ${more}`.split(" ")).toContain(key);
  const options = Array.isArray(schema.anyOf)
    ? schema.anyOf.map((one: Json) => faultsOf(asSchema(one) ?? {}, value, at))
    : [];
  if (options.length > 0)
    return options.some((found) => found.length === 0) ? [] : [`${at}: fits none: ${options.flat()}`];
  const types = [schema.type ?? typeOf(value)].flat();
  if (!types.includes(typeOf(value)) && !(types.includes("number") && typeOf(value) === "integer"))
    return [`${at}: type`];
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) return [`${at}: enum`];
  if (typeof value === "string") return textFaults(schema, value, at);
  if (typeof value === "number")
    return value < Number(schema.minimum ?? value) || value > Number(schema.maximum ?? value) ? [`${at}: range`] : [];
  if (Array.isArray(value))
    return value.flatMap((item: Json, i) => faultsOf(asSchema(schema.items) ?? {}, item, `${at}[${i}]`));
  const map = asSchema(value);
  return map ? objectFaults(schema, map, at) : [];
}

function textFaults(schema: Schema, value: string, at: string): string[] {
  if (typeof schema.pattern === "string" && !new RegExp(schema.pattern, "u").test(value)) return [`${at}: pattern`];
  return value.length > Number(schema.maxLength ?? value.length) ? [`${at}: maxLength`] : [];
}

function objectFaults(schema: Schema, value: Schema, at: string): string[] {
  const properties = asSchema(schema.properties) ?? {};
  const missing = [schema.required ?? []].flat().filter((key) => !Object.hasOwn(value, String(key)));
  const inner = Object.entries(value).flatMap(([key, member]) => {
    const names = asSchema(schema.propertyNames);
    const found = names ? faultsOf(names, key, `${at}.${key}`) : [];
    const property = asSchema(properties[key]) ?? asSchema(schema.additionalProperties);
    if (!property) return schema.additionalProperties === false ? [`${at}.${key}: unknown`] : found;
    return [...found, ...faultsOf(property, member, `${at}.${key}`)];
  });
  return [...missing.map((key) => `${at}.${key}: missing`), ...inner];
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

describe("manifestSchema", () => {
  const schema = manifestSchema();
  const check = (text: string): string[] => faultsOf(schema, parse(text) as Json, "");

  test("accepts the example", () => {
    expect(check(example)).toEqual([]);
  });

  test.for([
    ["app: shop", /services: missing/],
    ["{ app: shop, services: { web: { run: a, prot: 1 } } }", /prot: unknown/],
    ["{ app: Shop, services: { web: { run: a } } }", /app: pattern/],
    ["{ app: shop, services: { web: { run: a, http: { port: 0 } } } }", /port: range/],
    ["{ app: shop, services: { web: { run: a, settle: 5 } } }", /settle: type/],
    ["{ app: shop, services: { Web: { run: a } } }", /Web: pattern/],
    ["{ app: shop, services: { web: { run: a } }, environments: { staging: { app: x } } }", /fits none/],
    ["{ app: shop, services: { web: { run: a } }, jobs: {} }", /jobs: unknown/],
  ] as const)("refuses %s", ([text, fault]) => {
    expect(check(text).join("\n")).toMatch(fault);
  });

  test("lets an overlay take keys out and leave keys away", () => {
    const overlay =
      "{ services: { web: { memory: null, http: { ready: { times: 1 } } }, worker: null }, env: { A: null } }";
    expect(
      check(`{ app: shop, services: { web: { run: a } }, environments: { staging: ${overlay}, testing: null } }`),
    ).toEqual([]);
  });
});

describe("the grammar", () => {
  const fields = (kind: Kind<unknown>): [string, FieldDoc][] => [
    ...Object.entries(kind.fields ?? {}).flatMap(([key, field]) => [
      [key, field] as [string, FieldDoc],
      ...fields(field.kind),
    ]),
    ...(kind.each ? fields(kind.each) : []),
  ];

  test("describes every key in a sentence, also on the page", () => {
    const page = referencePage();
    for (const [key, { describe: said }] of fields(manifest)) {
      expect(said, key).toMatch(/^[A-Z`0-9].*\.$/s);
      expect(page).toContain(`| \`${key}\` |`);
    }
  });

  test("has only defaults that it would read without a complaint", () => {
    for (const [key, { kind, fallback }] of fields(manifest)) {
      if (fallback === null) continue;
      const diagnostics = new Diagnostics(key);
      const node = parseSource(fallback, diagnostics);
      if (node) kind.read(node, diagnostics);
      expect(diagnostics.list()).toEqual([]);
    }
  });
});
