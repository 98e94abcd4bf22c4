import { expect, test } from "vitest";
import { Balance } from "./balance.ts";

test("10,000 choices keep every weight within 2 %", () => {
  const items = [
    { name: "a", weight: 0.9 },
    { name: "b", weight: 0.07 },
    { name: "c", weight: 0.03 },
  ];
  const balance = new Balance(items);
  const counts = new Map<string, number>();
  for (let i = 0; i < 10_000; i += 1) {
    const { name } = balance.next() ?? { name: "none" };
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const { name, weight } of items) {
    expect(Math.abs((counts.get(name) ?? 0) - weight * 10_000), name).toBeLessThanOrEqual(weight * 200);
  }
});

test("the choices of a heavy item are spread out", () => {
  const balance = new Balance([
    { name: "a", weight: 3 },
    { name: "b", weight: 1 },
  ]);
  expect(Array.from({ length: 8 }, () => balance.next()?.name).join("")).toMatch(/^(?!.*bb)(?!.*aaaa)/);
});

test("items to skip are passed over, and with none left there is no choice", () => {
  const items = [{ weight: 1 }, { weight: 1 }];
  const balance = new Balance(items);
  for (let i = 0; i < 4; i += 1) expect(balance.next(new Set(items.slice(0, 1)))).toBe(items[1]);
  expect(balance.next(new Set(items))).toBeUndefined();
  expect(new Balance([]).next()).toBeUndefined();
});
