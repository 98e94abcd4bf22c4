import { expect, test } from "vitest";
import { withoutRepeats } from "./follow.ts";

test("lines that repeat are shown once and counted; others stay as they are, in order", () => {
  expect(withoutRepeats(["up", "boom", "boom", "boom", "up", "down", "down"])).toEqual([
    "up",
    "boom  … 3 times",
    "up",
    "down  … 2 times",
  ]);
  expect(withoutRepeats([])).toEqual([]);
});
