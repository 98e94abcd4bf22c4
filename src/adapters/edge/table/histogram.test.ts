import { expect, test } from "vitest";
import { Histogram } from "./histogram.ts";

test("a quantile is at most 14 % above the true one and never below it", () => {
  const histogram = new Histogram();
  for (let ms = 1; ms <= 1_000; ms += 1) histogram.add(ms);
  for (const share of [0.5, 0.95, 0.99]) {
    expect(histogram.quantile(share)).toBeGreaterThanOrEqual(share * 1_000);
    expect(histogram.quantile(share)).toBeLessThanOrEqual(share * 1_000 * 1.14 + 0.01);
  }
});

test("nothing counted is 0, and the longest times share the last bucket", () => {
  const histogram = new Histogram();
  expect(histogram.quantile(0.95)).toBe(0);
  histogram.add(1e9);
  expect(histogram.quantile(0.95)).toBeGreaterThan(100_000);
});
