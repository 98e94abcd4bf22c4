import { describe, expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { Diagnostics } from "./diagnostic.ts";
import { baseOf, documentOf, overlay, overlayOf } from "./overlay.ts";
import { type Node, parseSource } from "./source.ts";

/** JSON is YAML. */
function nodeOf(value: unknown): Node {
  const diagnostics = new Diagnostics("f");
  return parseSource(JSON.stringify(value), diagnostics) ?? expect.fail(JSON.stringify(diagnostics.list()));
}

/** All of a document with its places, also the order of its keys. */
function told(node: Node | null): unknown {
  if (node?.kind === "map")
    return { ...node, entries: [...node.entries].map(([key, e]) => [key, e.key, told(e.value)]) };
  return node?.kind === "list" ? { ...node, items: node.items.map(told) } : node;
}

function plain(node: Node | null): unknown {
  if (node?.kind === "map") return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plain(value)]));
  return node?.kind === "list" ? node.items.map(plain) : (node?.value ?? null);
}

const laid = (base: unknown, ...over: unknown[]) =>
  plain(
    documentOf(
      over.reduce<ReturnType<typeof baseOf>>((all, one) => overlay(all, overlayOf(nodeOf(one))), baseOf(nodeOf(base))),
    ),
  );

const leaf = fc.constantFrom<unknown>(null, 1, "x", true, ["a"], {});
const variable = fc.oneof(
  leaf,
  fc.dictionary(fc.constantFrom("value", "default", "forbid", "secret"), leaf, { maxKeys: 3 }),
);
const env = fc.oneof(
  { weight: 5, arbitrary: fc.dictionary(fc.constantFrom("A", "B", "env"), variable, { maxKeys: 3 }) },
  { weight: 1, arbitrary: leaf },
);
const service = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      { env, replicas: leaf, http: fc.dictionary(fc.constantFrom("port", "ready"), leaf) },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: leaf },
);
const document = fc.record(
  {
    env,
    groups: fc.dictionary(fc.constantFrom("g", "h"), env, { maxKeys: 2 }),
    services: fc.oneof(
      { weight: 4, arbitrary: fc.dictionary(fc.constantFrom("web", "worker"), service, { maxKeys: 2 }) },
      { weight: 1, arbitrary: leaf },
    ),
    deploy: leaf,
  },
  { requiredKeys: [] },
);

describe("overlay", () => {
  test("is associative, places and order of keys included", () => {
    fc.assert(
      fc.property(document, document, document, (base, first, second) => {
        const [a, b, c] = [baseOf(nodeOf(base)), overlayOf(nodeOf(first)), overlayOf(nodeOf(second))];
        const oneByOne = documentOf(overlay(overlay(a, b), c));
        const together = documentOf(overlay(a, overlay(b, c)));
        expect(told(together)).toEqual(told(oneByOne));
      }),
      { numRuns: 1_000 },
    );
  });

  test("of nothing changes nothing", () => {
    fc.assert(
      fc.property(document, (base) => {
        const alone = baseOf(nodeOf(base));
        expect(told(documentOf(overlay(alone, overlayOf(nodeOf({})))))).toEqual(told(documentOf(alone)));
      }),
    );
  });

  test("null takes out also what a layer further down has", () => {
    expect(
      laid({ deploy: { keep: 1, watch: { for: 1 } } }, { deploy: { keep: null } }, { deploy: { watch: null } }),
    ).toEqual({ deploy: {} });
  });

  test("what replaces a plain value does not bring back what was below that", () => {
    expect(laid({ a: { b: 1 } }, { a: "x" }, { a: { c: 2 } })).toEqual({ a: { c: 2 } });
    expect(laid({ a: { b: 1 } }, { a: null }, { a: { c: 2 } })).toEqual({ a: { c: 2 } });
  });

  test("a plain value of a variable keeps its rules, whichever layer has them", () => {
    const rules = { forbid: { production: ["x"] } };
    const both = { env: { A: { value: "y", ...rules } } };
    expect(laid({ env: { A: rules } }, { env: { A: "y" } })).toEqual({ env: { A: { ...rules, value: "y" } } });
    expect(laid({ env: { A: "y" } }, { env: { A: rules } })).toEqual(both);
  });

  test("a key with nothing after it stays in the lowest layer, for a complaint", () => {
    expect(laid({ deploy: null }, {})).toEqual({ deploy: null });
    expect(laid({}, { deploy: null })).toEqual({});
  });
});
