import { expect, test } from "vitest";
import type { Deployment } from "../model/deployment.ts";
import { readWorld } from "../testing/simulation/case.ts";
import { plan } from "./decide.ts";

/** What is recorded of each deployment, in its order. */
function writtenOf(text: string): readonly string[] {
  const changes = plan(readWorld(text)).steps.flatMap((step) => (step.do === "record" ? step.changes : []));
  const deployments = changes.flatMap((one): Deployment[] => (one.kind === "deployment" ? [one.deployment] : []));
  return deployments.map(({ id, phase }) => `${id} ${phase}`);
}

test("what the plan makes of a deployment is written down last, whatever the clock did to its times", () => {
  const world = "service web http\nrelease 1\nrelease 2 absent\n";
  const queue = "deployment dep_1 v1 since=9s misdated\ndeployment dep_2 v2 since=5s misdated";
  expect(writtenOf(world + queue)).toEqual(["dep_2 build", "dep_1 queued", "dep_1 ended"]);
});
