import { expect, test } from "vitest";
import { isExhaustive, sample } from "./exhaustive.ts";

test("a sample is some of the items in their order, the same as long as the commit is; few, or everything, are all", () => {
  const items = Array.from({ length: 40 }, (_, at) => at);
  const drawn = sample(items, 6);
  expect(drawn).toHaveLength(isExhaustive ? 40 : 6);
  expect([...drawn].sort((a, b) => a - b)).toEqual(drawn);
  expect(drawn.every((item) => items.includes(item))).toBe(true);
  expect(sample(items, 6)).toEqual(drawn);
  expect(sample([3, 1, 2], 6)).toEqual([3, 1, 2]);
});
