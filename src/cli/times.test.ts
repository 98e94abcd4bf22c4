import { expect, test } from "vitest";
import type { DeploymentView } from "../contract/deployments.ts";
import { leftText, timesText } from "./times.ts";

const start = Date.parse("2026-01-01T00:00:00.000Z");

function took(...phases: readonly [DeploymentView["phase"], number][]) {
  let at = start;
  const entered = phases.map(([phase, ms]) => {
    const view = { phase, at: new Date(at).toISOString() };
    at += ms;
    return view;
  });
  return { phases: entered, createdAt: new Date(start).toISOString(), durationMs: at - start };
}

test.each([
  ["", took(["queued", 100], ["switch", 50], ["drain", 20], ["ended", 0])],
  ["", took(["queued", 100], ["build", 30_000], ["ended", 0])],
  [
    "served after 150 ms, watched for 15 s",
    took(["queued", 100], ["switch", 50], ["watch", 15_000], ["drain", 20], ["ended", 0]),
  ],
  ["served after 3.0 s, drained for 5.0 s", took(["gate", 2_000], ["switch", 1_000], ["drain", 5_000], ["ended", 0])],
])("%j tells where the time went", (words, deployment) => {
  expect(timesText(deployment)).toBe(words);
});

test("time left is told in minutes begun", () => {
  const texts = [3 * 86_400_000 - 400, 3_600_000 - 1, 60_000, 59_900, -5].map(leftText);
  expect(texts).toEqual(["3 d", "1 h", "1 min", "60 s", "0 ms"]);
});
