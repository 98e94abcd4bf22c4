import type { Entry, MapNode, Node } from "./source.ts";

/**
 * Lays one node over another (DESIGN section 6): mappings merge key by key, `null` takes a key out, anything else
 * replaces. A plain value over the typed form of a variable becomes its `value` and keeps its checks, or a `forbid`
 * would be lost by the very overlay that it guards against.
 */
export function overlay(base: Node, over: Node): Node {
  if (base.kind !== "map") return over.kind === "map" ? withoutNulls(over) : over;
  if (over.kind === "map") return overlayMaps(base, over);
  if (!isVariable(base)) return over;
  const entries = new Map(base.entries);
  entries.set("value", { key: over, value: over });
  return { ...base, entries };
}

function overlayMaps(base: MapNode, over: MapNode): MapNode {
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const below = entries.get(key);
    if (isNull(entry.value)) entries.delete(key);
    else entries.set(key, below ? merged(below, entry) : { ...entry, value: withoutNulls(entry.value) });
  }
  return { ...base, entries };
}

function merged(below: Entry, above: Entry): Entry {
  return { key: above.key, value: overlay(below.value, above.value) };
}

/** Where there is nothing to take out, `null` takes out nothing. */
function withoutNulls(node: Node): Node {
  return node.kind === "map" ? overlayMaps({ ...node, entries: new Map() }, node) : node;
}

/** A key with nothing after it, `~` or `null`. */
export function isNull(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

function isVariable(node: Node): boolean {
  return node.quiet && /(?:^|\.)env\.[^.]+$/.test(node.path);
}
