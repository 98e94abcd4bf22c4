import { expect, test } from "vitest";
import { capacityOf, edgeDescriptors } from "./capacity.ts";

test.each([256, 1_024, 4_096, 20_000, 1_048_576, Number.MAX_SAFE_INTEGER])(
  "with %i descriptors there are always some left, for other clients and other services too",
  (descriptors) => {
    const { connections, perClient, perService, turnedAway } = capacityOf(descriptors);
    if (descriptors > 512) expect(2 * (connections + 2 * turnedAway) + 200).toBeLessThan(descriptors);
    expect(connections).toBeGreaterThanOrEqual(32);
    expect(connections).toBeLessThanOrEqual(16_384);
    expect(perClient * 4).toBeLessThan(connections);
    expect(perService).toBeLessThan(connections);
  },
);

test("the limit of this process is a number", () => {
  expect(edgeDescriptors()).toBeGreaterThan(255);
});
