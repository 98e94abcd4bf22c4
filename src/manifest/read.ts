import type { Diagnostic } from "../base/faults.ts";
import type { AppSpec } from "../model/app.ts";
import { namePattern } from "../model/environment.ts";
import { Diagnostics, quoted } from "./diagnostic.ts";
import { fixedKeys, laterKeys, type ManifestValue, manifest } from "./grammar.ts";
import { judge } from "./judge.ts";
import { isEmpty } from "./kinds.ts";
import { literalValues } from "./literal.ts";
import { originsIn, type WrittenOrigin } from "./origin.ts";
import { baseOf, documentOf, overlay, overlayOf } from "./overlay.ts";
import { withServiceVariables } from "./service-variables.ts";
import { entryOf, isNull, keysAre, type MapNode, type Node, nodeAt, parseSource, show } from "./source.ts";
import { specOf } from "./spec.ts";
import { meantKey } from "./synonyms.ts";

export interface ReadOptions {
  /** Name of the file in diagnostics. */
  readonly file: string;
  readonly environment: string;
  /** It is a preview with the configuration of another environment; null: of the one in the manifest. */
  readonly preview?: { readonly from: string | null } | null;
}

/**
 * Where the value at a path of keys is written: in the layer that has it, which may be another section. A value that is
 * not written has the place of the nearest section above it.
 */
export type PlaceOf = (...keys: readonly string[]) => Required<Pick<Diagnostic, "path" | "line" | "column">>;

export type ManifestReading =
  | {
      readonly ok: true;
      readonly spec: AppSpec;
      readonly warnings: Diagnostic[];
      readonly placeOf: PlaceOf;
      /** What is written of a variable for every service that has it, and for the build. */
      readonly originsOf: (name: string) => readonly WrittenOrigin[];
    }
  | { readonly ok: false; readonly diagnostics: Diagnostic[] };

/**
 * Reads a manifest for one environment: overlay merged, defaults filled in, everything checked that does not need
 * values of variables. Never throws, whatever the text; reports all errors at once, in the order of the file, and none
 * shows text below an `env:` mapping.
 */
export function readManifest(text: string, { file, environment, preview }: ReadOptions): ManifestReading {
  const diagnostics = new Diagnostics(file);
  const warnings = new Diagnostics(file);
  if (!namePattern.test(environment)) {
    const start = { line: 1, column: 1, path: "environments" };
    diagnostics.addAt(start, `${quoted(environment)} is not the name of an environment – write one like staging`);
    return { ok: false, diagnostics: diagnostics.list() };
  }
  const top = topOf(text, diagnostics);
  if (top === null) return { ok: false, diagnostics: diagnostics.list() };
  const overlays = overlaysOf(top, diagnostics);
  const from = preview ? (preview.from ?? previewFrom(top)) : null;
  const chosen = overlays.get(from ?? environment);
  const root = layered(top, chosen);
  const value = manifest.read(root, diagnostics);
  const ownsHosts = (service: string): boolean =>
    from === null &&
    (environment === "production" || valueAt(chosen, "services", service, "http", "hosts") !== undefined);
  const development = developmentOf(top, overlays, file);
  const spec = specOf(value, {
    environment,
    from,
    ownsHosts,
    development: (...about) => literalOf(development, about),
  });
  judgeChanges({ value, root, diagnostics }, development);
  judge({ spec, root, diagnostics, warnings });
  if (diagnostics.count > 0) return { ok: false, diagnostics: diagnostics.list() };
  const placeOf: PlaceOf = (...way) => {
    const keys = withHost(way);
    const { line, column } = nodeAt(root, ...keys);
    return { path: valueAt(root, ...keys)?.path ?? keys.join("."), line, column };
  };
  const originsOf = (name: string) => originsIn({ spec, root }, name);
  return { ok: true, spec, warnings: warnings.list(), placeOf, originsOf };
}

/** A path that was split at its dots, with the host of a registry joined again. */
function withHost(way: readonly string[]): readonly string[] {
  const [top = "", ...rest] = way;
  return top === "registries" ? [top, rest.slice(0, -1).join("."), rest.at(-1) ?? ""] : way;
}

/** The manifest merged with an overlay, without `environments:`. */
function layered(top: MapNode, over: MapNode | undefined): Node {
  const entries = new Map(top.entries);
  entries.delete("environments");
  const base = baseOf({ ...top, entries });
  return documentOf(withServiceVariables(over ? overlay(base, overlayOf(over)) : base)) ?? top;
}

/**
 * The environment whose configuration previews have; an invalid name there is reported when everything has been read.
 */
function previewFrom(top: MapNode): string {
  const node = valueAt(top, "previews", "from");
  return node?.kind === "scalar" ? node.text : manifest.none.previews.from;
}

/** The manifest for development: with that environment's overlay, if there is one. */
function developmentOf(top: MapNode, overlays: ReadonlyMap<string, MapNode>, file: string): AppSpec {
  const value = manifest.read(layered(top, overlays.get("development")), new Diagnostics(file));
  return specOf(value, {
    environment: "development",
    from: null,
    ownsHosts: () => false,
    development: () => null,
  });
}

function literalOf(spec: AppSpec, [service, variable]: readonly [string | null, string]): string | null {
  const found =
    service === null ? { variables: spec.buildVariables } : spec.services.find(({ name }) => name === service);
  return (found && literalValues(found).get(variable)) ?? null;
}

/** A variable that must change needs something to differ from. */
function judgeChanges(
  { value, root, diagnostics }: { value: ManifestValue; root: Node; diagnostics: Diagnostics },
  development: AppSpec,
): void {
  for (const [service, { env }] of value.services) {
    for (const [name, { change }] of env ?? []) {
      const spec = development.services.find((one) => one.name === service)?.variables[name];
      if (change === null || (spec && spec.value !== null)) continue;
      const node = nodeAt(root, "services", service, "env", name);
      diagnostics.add(node, "has no development value to differ from – set a default", "change");
    }
  }
}

/** The names declared under `environments:`, in written order; none when the text cannot be read. Never throws. */
export function environmentsOf(text: string): readonly string[] {
  const diagnostics = new Diagnostics("");
  const root = parseSource(text, diagnostics);
  const declared = entryOf(root ?? undefined, "environments")?.value;
  return declared?.kind === "map" ? [...declared.entries.keys()].filter((name) => namePattern.test(name)) : [];
}

function topOf(text: string, diagnostics: Diagnostics): MapNode | null {
  const root = parseSource(text, diagnostics);
  if (root?.kind === "map") return root;
  if (root) {
    const empty = root.kind === "scalar" && root.value === null;
    diagnostics.add(root, `${empty ? "an empty file" : show(root)} is not a manifest – it needs app: and services:`);
  }
  return null;
}

/** The overlays by name. Keys of all of them are checked, since a misspelt one would silently change nothing. */
function overlaysOf(top: MapNode, diagnostics: Diagnostics): ReadonlyMap<string, MapNode> {
  const declared = entryOf(top, "environments")?.value;
  const overlays = new Map<string, MapNode>();
  if (!declared || isEmpty(declared, diagnostics)) return overlays;
  if (declared.kind !== "map") {
    diagnostics.add(declared, `${show(declared)} is not a mapping – write environment names and their overlays`);
    return overlays;
  }
  for (const [name, { key, value }] of declared.entries) {
    if (!namePattern.test(name))
      diagnostics.addAt(key, `${quoted(name)} is not the name of an environment – write one like staging`);
    // \`staging:\` with nothing below only says that there is such an environment.
    if (value.kind === "map") overlays.set(name, knownPartOf(value, diagnostics));
    else if (!isNull(value))
      diagnostics.add(value, `${show(value)} is not a section – write what differs in this environment, or {}`);
  }
  return overlays;
}

/** An overlay without its forbidden keys, after reporting them. */
function knownPartOf(written: MapNode, diagnostics: Diagnostics): MapNode {
  const keys = Object.keys(manifest.fields ?? {}).filter((key) => !fixedKeys.includes(key));
  const entries = new Map(written.entries);
  for (const [key, { key: place }] of written.entries) {
    if (keys.includes(key) || laterKeys.includes(key)) continue;
    entries.delete(key);
    const unknown = `unknown key ${quoted(key)} – ${keysAre(meantKey(key, keys), keys)}`;
    diagnostics.addAt(place, fixedKeys.includes(key) ? "is the same in all environments – remove it here" : unknown);
  }
  return { ...written, entries };
}

function valueAt(node: Node | undefined, ...keys: readonly string[]): Node | undefined {
  return keys.reduce<Node | undefined>((at, key) => entryOf(at, key)?.value, node);
}
