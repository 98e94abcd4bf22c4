import { type Layer, overlay } from "./overlay.ts";
import { isNull, type Node } from "./source.ts";

type Branch = Extract<Layer, { kind: "branch" }>;

/**
 * Gives every service all its variables: those of the app, overridden by those of its groups in the order it lists
 * them, overridden by its own. Every variable keeps its place in the file.
 */
export function withServiceVariables(root: Layer): Layer {
  const services = at(root, "services");
  if (root.kind !== "branch" || services?.kind !== "branch") return root;
  const shared = (service: Layer): readonly Layer[] => {
    const groups = namesIn(at(service, "groups")).map((name) => at(at(root, "groups"), name));
    return [at(root, "env"), ...groups].filter((layer) => layer !== undefined);
  };
  const each = [...services.entries].map(
    ([name, { key, value }]) => [name, { key, value: withVariables(value, shared(value)) }] as const,
  );
  return withEntry(root, "services", { ...services, entries: new Map(each) });
}

function withVariables(service: Layer, shared: readonly Layer[]): Layer {
  const own = at(service, "env");
  // Anything but a mapping stays, to be reported at its place.
  if (service.kind !== "branch" || own?.kind === "leaf") return service;
  const layers = [...shared, ...(own ? [takingOut(own)] : [])].filter((layer) => layer.kind === "branch");
  const [lowest, ...rest] = layers;
  if (!lowest) return service;
  // `whole` concerns the environments' layers of one section, not sections that override each other.
  const env = rest.reduce<Layer>((below, above) => overlay(below, { ...above, whole: false }), lowest);
  return withEntry(service, "env", env);
}

/** A service's own variable without a value removes the inherited one of that name. */
function takingOut(own: Layer): Layer {
  if (own.kind !== "branch") return own;
  const entries = [...own.entries].map(([name, { key, value }]) => {
    const isOut = value.kind === "leaf" && isNull(value.node);
    return [name, { key, value: isOut ? ({ kind: "removal" } as const) : value }] as const;
  });
  return { ...own, entries: new Map(entries) };
}

function at(layer: Layer | undefined, key: string): Layer | undefined {
  return layer?.kind === "branch" ? layer.entries.get(key)?.value : undefined;
}

function withEntry(branch: Branch, name: string, value: Layer): Branch {
  const key = branch.entries.get(name)?.key ?? branch.node;
  return { ...branch, entries: new Map([...branch.entries, [name, { key, value }]]) };
}

function namesIn(layer: Layer | undefined): readonly string[] {
  const items = layer?.kind === "leaf" && layer.node.kind === "list" ? layer.node.items : [];
  return items.flatMap((item: Node) => (item.kind === "scalar" ? [item.text] : []));
}
