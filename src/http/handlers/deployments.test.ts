import { expect, test } from "vitest";
import { deploymentView } from "../../contract/deployments.ts";
import { newDeployment } from "../../model/deployment.ts";
import { encodeDeployment } from "./deployments.ts";

test("what ended before it began, because the clock was set back meanwhile, took no time", () => {
  const begun = newDeployment({
    id: "dep_1",
    key: { app: "shop", environment: "production" },
    kind: "deploy",
    release: 1,
    services: null,
    previous: null,
    createdAt: 5_000,
    createdBy: "local",
  });
  const gates = [{ service: "web", instance: "web-1", gate: "GET / → 200", tookMs: -4_000 }];
  const check = {
    when: "after",
    service: "web",
    name: "health",
    outcome: "passed",
    tookMs: -3_000,
    detail: "",
  } as const;
  const view = deploymentView.parse(encodeDeployment({ ...begun, gates, checks: [check] }, 1_000));
  expect([view.durationMs, view.gates[0]?.tookMs, view.checks[0]?.tookMs]).toEqual([0, 0, 0]);
});
