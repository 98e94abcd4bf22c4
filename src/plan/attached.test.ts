import { expect, test } from "vitest";
import type { ObservedTask } from "../model/instance.ts";
import { unconfined } from "../model/release.ts";
import { plan } from "./decide.ts";
import { emptySnapshot } from "./plan.ts";

const key = { app: "shop", environment: "production" };
const now = 1_000_000;

function attached(more: Pick<ObservedTask, "isHeld" | "exit">): ObservedTask {
  const about = { name: "fl-shop-production-run-1", key, purpose: "attached", service: "web", release: 1 } as const;
  const spec = { ...about, deployment: null, artifact: "sha256:x", command: ["bash"], env: {}, neighbours: [] };
  return { name: about.name, spec: { ...spec, ...unconfined }, startedAt: now - 1, ...more };
}

const exit = { at: now, code: 0, signal: null, reason: "exited" } as const;

test.each([
  ["that runs and is held is left alone", { isHeld: true, exit: null }, []],
  ["that has ended and is held is left to its holder, who wants to know how", { isHeld: true, exit }, []],
  ["that nobody holds is killed", { isHeld: false, exit: null }, ["signal"]],
  ["that nobody holds any more is removed when it has ended", { isHeld: false, exit }, ["remove"]],
])("an attached task %s", (_what, more, steps) => {
  const { steps: found } = plan({ ...emptySnapshot(key, now), tasks: [attached(more)] });
  expect(found.map((step) => step.do)).toEqual(steps);
});
