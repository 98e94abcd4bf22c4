import { parse } from "yaml";
import { example } from "./example.ts";
import { manifest } from "./grammar.ts";
import type { FieldDoc, Json, Kind } from "./kinds.ts";

type Schema = { readonly [key: string]: Json };

/** The JSON Schema (draft-07, what editors read) of `fairlead.yml`, from the same source as the parser. */
export function manifestSchema(): Schema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "fairlead.yml",
    description: "One app for Fairlead: its services, how they are built, deployed and kept running.",
    ...withExamples(manifest.json, parse(example) as Json),
  };
}

/** Adds the values of the example manifest to the schemas of the keys they belong to. */
function withExamples(schema: Schema, value: Json): Schema {
  if (Array.isArray(schema.anyOf)) {
    const anyOf = schema.anyOf.map((one: Json) => (isObject(one) && one.properties ? withExamples(one, value) : one));
    return { ...schema, anyOf };
  }
  if (!isObject(value)) return schema;
  const { properties, additionalProperties } = schema;
  const first = Object.values(value)[0];
  return {
    ...schema,
    ...(isObject(properties) ? { properties: exampleProperties(properties, value) } : {}),
    ...(isObject(additionalProperties) && first !== undefined
      ? { additionalProperties: withExamples(additionalProperties, first) }
      : {}),
  };
}

function exampleProperties(properties: Schema, value: Schema): Schema {
  const all = Object.entries(properties).map(([key, property]): [string, Json] => {
    const given = value[key];
    if (given === undefined || !isObject(property)) return [key, property];
    return [
      key,
      isObject(given) ? withExamples(property, given) : { ...withExamples(property, given), examples: [given] },
    ];
  });
  return Object.fromEntries(all);
}

function isObject(value: Json | undefined): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The reference page in Markdown: an example, then a table for each section with every key. */
export function referencePage(): string {
  const head = [
    "# The manifest: `fairlead.yml`",
    "<!-- Written by tools/gen-manifest.ts from src/manifest/grammar.ts: change that instead. -->",
    "One file describes an app. Unknown keys are errors, and all errors are shown at once, each with its line and the fix.",
    "Write durations as `500ms`, `30s`, `1m30s`, `2h`; sizes as `512MB`, `1.5GB` (powers of 1024); shares as `1%`. A command is one",
    'line, split as in a shell but without a shell, or a list of arguments; operators and `$NAME` need `["sh", "-c", "…"]`.',
    "This version does not support `jobs:`, `data:` or autoscaling.",
  ];
  return `${[head.slice(0, 2).join("\n\n"), head.slice(2).join("\n"), `\`\`\`yaml\n${example}\`\`\``, ...sections()].join("\n\n")}\n`;
}

interface Found {
  readonly path: string;
  readonly fields: Readonly<Record<string, FieldDoc>>;
}

function sections(): string[] {
  const found = sectionsOf(manifest, "");
  // Groups and services have variables like the app's.
  const shown = found.filter(({ path }) => !["groups.<name>.<name>", "services.<name>.env.<name>"].includes(path));
  return shown.map(({ path, fields }) => {
    const rows = Object.entries(fields).map(([key, field]) => row(key, field));
    const title = path === "" ? "The top" : `\`${path}\``;
    return [`## ${title}\n`, "| key | holds | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
  });
}

function sectionsOf(kind: Kind<unknown>, path: string): Found[] {
  const own = kind.fields ? [{ path, fields: kind.fields }] : [];
  const below = Object.entries(kind.fields ?? {}).flatMap(([key, field]) =>
    sectionsOf(field.kind, path === "" ? key : `${path}.${key}`),
  );
  return [...own, ...below, ...(kind.each ? sectionsOf(kind.each, `${path}.<name>`) : [])];
}

function row(key: string, { kind, required, fallback, describe }: FieldDoc): string {
  const given = required ? "must be given" : fallback === null ? "–" : `\`${fallback}\``;
  return `| \`${key}\` | ${kind.label} | ${given} | ${describe.replaceAll("|", "\\|")} |`;
}
