import { expect, test } from "vitest";
import { canonicalJson } from "../../../src/base/digest.ts";
import { Diagnostics, formatDiagnostic } from "../../../src/manifest/diagnostic.ts";
import { manifest } from "../../../src/manifest/grammar.ts";
import type { Kind } from "../../../src/manifest/kinds.ts";
import { readManifest } from "../../../src/manifest/read.ts";
import { type Node, parseSource } from "../../../src/manifest/source.ts";
import type { AppSpec } from "../../../src/model/app.ts";
import { goldenCases, judgeGolden } from "../golden.ts";

// A case is a manifest, a line `----`, and what reading it gives: diagnostics and warnings, or what its model holds
// beside the defaults. `# environment: x` chooses the environment (else production), `# from: y` makes it a preview
// with the configuration of y, `# show: everything` shows the defaults too. UPDATE=1 rewrites what is expected; read
// the difference before you keep it.

const directory = import.meta.dirname;
const cases = goldenCases(directory);

/** `services.web.http.port = 8000` for every leaf of a model. */
function leaves(value: unknown, path: string): [string, string][] {
  if (value === null || typeof value !== "object" || path.endsWith(".json")) return [[path, canonicalJson(value)]];
  if (Array.isArray(value) && !path.endsWith("services")) return [[path, canonicalJson(value)]];
  const members = Array.isArray(value) ? value.map((one) => [one.name, one] as const) : Object.entries(value);
  return members.flatMap(([key, member]) => leaves(member, path === "" ? key : `${path}.${key}`));
}

const generic = (path: string): string =>
  path.replace(/^(?:services\.[^.]+\.variables|buildVariables)\.\w+/, "variables.*").replace(/^services\.[^.]+/, "services.*");

function specFor(text: string): AppSpec {
  const reading = readManifest(text, { file: "fairlead.yml", environment: "production" });
  if (!reading.ok) expect.fail(reading.diagnostics.map(formatDiagnostic).join("\n"));
  return reading.spec;
}

const usual = new Set(
  ["http: { ready: { path: / }, alive: { path: / } }", "env: { A: {} }"]
    .flatMap((more) => leaves(specFor(`{ app: "-", services: { "-": { run: "-", ${more} } } }`.replaceAll('"-"', "x")), ""))
    .map(([path, json]) => `${generic(path)} = ${json}`),
);

function answer(text: string): string {
  const environment = /^# environment: (.+)$/m.exec(text)?.[1] ?? "production";
  const from = /^# from: (.+)$/m.exec(text)?.[1];
  const preview = from === undefined ? null : { from };
  const reading = readManifest(text, { file: "fairlead.yml", environment, preview });
  if (!reading.ok) return `${reading.diagnostics.map(formatDiagnostic).join("\n")}\n`;
  const all = text.includes("# show: everything");
  const shown = leaves(reading.spec, "").filter(([path, json]) => all || !usual.has(`${generic(path)} = ${json}`));
  const warnings = reading.warnings.map((warning) => `warning: ${formatDiagnostic(warning)}`);
  return `${[...warnings, ...shown.map(([path, json]) => `${path} = ${json}`)].join("\n")}\n`;
}

test.for(cases)("$file", (golden) => judgeGolden(directory, golden, answer(golden.text)));

test("no answer shows a value of a variable", () => {
  for (const { text } of cases) {
    const reading = readManifest(text, { file: "fairlead.yml", environment: "production" });
    const said = (reading.ok ? reading.warnings : reading.diagnostics).map(formatDiagnostic).join("\n");
    expect(said).not.toMatch(/canary-?\d/);
  }
});

/** Every key of the grammar as `services.<name>.http.port`. */
function keysOf(kind: Kind<unknown>, path: string): string[] {
  const own = Object.entries(kind.fields ?? {}).flatMap(([key, field]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return [at, ...keysOf(field.kind, at)];
  });
  return [...own, ...(kind.each ? keysOf(kind.each, `${path}.<name>`) : [])];
}

/** The keys of the grammar that a manifest writes out. */
function keysIn(node: Node, { kind, path }: { kind: Kind<unknown>; path: string }): string[] {
  if (node.kind !== "map") return [];
  return [...node.entries].flatMap(([key, { value }]) => {
    const field = kind.fields?.[key];
    const at = path === "" ? key : `${path}.${key}`;
    if (field) return [at, ...keysIn(value, { kind: field.kind, path: at })];
    return kind.each ? keysIn(value, { kind: kind.each, path: `${path}.<name>` }) : [];
  });
}

test("every key of the manifest appears in a case", () => {
  const written = new Set(
    cases.flatMap(({ text }) => {
      const root = parseSource(text, new Diagnostics("case"));
      return root ? keysIn(root, { kind: manifest, path: "" }) : [];
    }),
  );
  // Variables of groups and services are written like the app's.
  const needed = keysOf(manifest, "").filter((key) => !/^(?:groups\.<name>|services\.<name>\.env)\.<name>/.test(key));
  expect(needed.filter((key) => !written.has(key))).toEqual([]);
});
