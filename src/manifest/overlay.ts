import {
  isNull,
  type ListNode,
  type MapNode,
  type Node,
  type NodeEntry,
  type Place,
  type ScalarNode,
} from "./source.ts";

/**
 * A layer of the manifest, or the result of merging layers. `removal`: removes what is below. A branch that is `whole`
 * hides everything below it: it replaces something that was not a mapping.
 */
export type Layer = { readonly kind: "leaf"; readonly node: Node } | Removal | Branch;

interface Removal {
  readonly kind: "removal";
}

interface Branch {
  readonly kind: "branch";
  readonly node: MapNode;
  readonly entries: ReadonlyMap<string, { readonly key: Place; readonly value: Layer }>;
  readonly whole: boolean;
}

/** A node of an overlay: `null` removes a key. */
export function overlayOf(node: Node): Layer {
  return layerOf(node, { nullRemoves: true });
}

/** A node of the lowest layer: a key with nothing after it stays, to be reported. */
export function baseOf(node: Node): Layer {
  return layerOf(node, { nullRemoves: false });
}

function layerOf(node: Node, nulls: { readonly nullRemoves: boolean }): Layer {
  if (isNull(node)) return nulls.nullRemoves ? { kind: "removal" } : { kind: "leaf", node };
  if (node.kind !== "map") return isVariable(node) ? longForm(node) : { kind: "leaf", node };
  const entries = [...node.entries].map(
    ([key, entry]) => [key, { key: entry.key, value: layerOf(entry.value, nulls) }] as const,
  );
  return { kind: "branch", node, entries: new Map(entries), whole: false };
}

/** A plain value of a variable is its `value`, so that overriding it keeps its rules. */
function longForm(node: ScalarNode | ListNode): Branch {
  const entries = new Map([["value", { key: node, value: { kind: "leaf", node } as const }]]);
  return { kind: "branch", node: { ...node, kind: "map", entries: new Map() }, entries, whole: false };
}

/**
 * Merges one layer over another: mappings merge key by key, a removal removes a key, anything else replaces.
 * Associative: for three layers the order of merging does not matter.
 */
export function overlay(below: Layer, above: Layer): Layer {
  if (above.kind !== "branch" || above.whole) return above;
  if (below.kind !== "branch") return { ...above, whole: true };
  const entries = new Map(below.entries);
  for (const [key, { key: place, value }] of above.entries) {
    const under = entries.get(key);
    entries.set(key, { key: place, value: under ? overlay(under.value, value) : value });
  }
  return { ...below, entries };
}

/** The result of the layers, with all removals applied; null if nothing is left. */
export function documentOf(layer: Layer): Node | null {
  if (layer.kind === "removal") return null;
  if (layer.kind === "leaf") return layer.node;
  const entries = [...layer.entries].flatMap(([key, { key: place, value }]): [string, NodeEntry][] => {
    const node = documentOf(value);
    return node === null ? [] : [[key, { key: place, value: node }]];
  });
  return { ...layer.node, entries: new Map(entries) };
}

function isVariable(node: Node): boolean {
  return node.quiet && /(?:^|\.)(?:env|groups\.[^.]+)\.[^.]+$/.test(node.path);
}
