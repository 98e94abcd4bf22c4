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
 * A part of the manifest that is laid over others, or the outcome of that. `removal`: takes out what is below. A branch that
 * is `whole` lets nothing of what is below through: it stands where something that was no mapping is replaced.
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

/** What an overlay says: `null` takes a key out. */
export function overlayOf(node: Node): Layer {
  return layerOf(node, { nullRemoves: true });
}

/** What the lowest layer says: a key with nothing after it stays, to be complained about. */
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

/** A plain value of a variable is its `value`, or laying it over others would take away the rules that guard it. */
function longForm(node: ScalarNode | ListNode): Branch {
  const entries = new Map([["value", { key: node, value: { kind: "leaf", node } as const }]]);
  return { kind: "branch", node: { ...node, kind: "map", entries: new Map() }, entries, whole: false };
}

/**
 * Lays one layer over another (DESIGN section 6): mappings merge key by key, a removal takes a key out, anything else
 * replaces. Associative: of three layers it is the same which two are laid over each other first.
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

/** What the layers come to, with all removals done; null when nothing is left. */
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
