import { expect, test } from "vitest";
import { median, quantile, show } from "./row.ts";

test("the median of an even number of values lies between the two in the middle", () => {
  expect(median([4, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test("a quantile is one of the values, and the last one at most", () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  expect(quantile(values, 0.95)).toBe(96);
  expect(quantile(values, 1)).toBe(100);
  expect(quantile([], 0.5)).toBeNaN();
});

test("figures have three digits that mean something", () => {
  expect([0.123_456, 12.345, 448_381.4, Number.NaN].map(show)).toEqual(["0.123", "12.3", "448,381", "–"]);
});
