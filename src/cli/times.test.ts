import { expect, test } from "vitest";
import type { DeploymentView } from "../contract/deployments.ts";
import { timesText } from "./times.ts";

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
