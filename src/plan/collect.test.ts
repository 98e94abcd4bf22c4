import { expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { collectAfterMs, collectible } from "./collect.ts";
import { collectedNeed } from "./invariants.ts";

const artifact = (digest: string, touchedAt: number) => ({ digest, what: "artifact" as const, touchedAt });
const roots = { artifacts: new Set(["kept"]), sources: new Set(["a source"]) };

test("only what nobody needs and nobody touched for an hour is collected", () => {
  const now = 10 * collectAfterMs;
  const stored = [
    artifact("kept", 0),
    artifact("old", now - collectAfterMs),
    artifact("new", now - collectAfterMs + 1),
  ];
  expect(collectible(stored, roots, now)).toEqual([artifact("old", now - collectAfterMs)]);
});

test("a source and an artifact of the same digest are not the same thing", () => {
  const both = [artifact("a source", 0), { digest: "a source", what: "source" as const, touchedAt: 0 }];
  expect(collectible(both, roots, collectAfterMs)).toEqual([artifact("a source", 0)]);
});

test("what a release needs is never collected, whatever its age", () => {
  const names = fc.array(fc.constantFrom("a", "b", "c", "d", "e"));
  const times = fc.array(fc.integer({ min: 0, max: 3 * collectAfterMs }), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(names, times, (needed, touched) => {
      const stored = ["a", "b", "c", "d", "e"].map((digest, i) => artifact(digest, touched[i] ?? 0));
      const needs = { artifacts: new Set(needed), sources: new Set<string>() };
      expect(collectedNeed(collectible(stored, needs, 3 * collectAfterMs), needs)).toBeNull();
    }),
  );
  expect(collectedNeed([artifact("kept", 0)], roots)).toBe("kept");
});
