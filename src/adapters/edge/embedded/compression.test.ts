import { expect, test } from "vitest";
import { acceptedCoding } from "./compression.ts";

test.each([
  ["gzip, deflate, br, zstd", "br"],
  ["gzip", "gzip"],
  ["br;q=0.5, gzip;q=0.8", "gzip"],
  ["*", "br"],
  ["br;q=0, *", "gzip"],
  ["identity", null],
  ["gzip;q=0", null],
  [undefined, null],
  ["GZIP;Q=1", "gzip"],
])("of %s the edge uses %s", (header, coding) => {
  expect(acceptedCoding(header)).toBe(coding);
});
