import { expect, test } from "vitest";
import { createRedactor } from "../base/redact.ts";
import { Secret } from "../base/secret.ts";
import type { Deployment } from "../model/deployment.ts";
import { newEnvironment } from "../model/environment.ts";
import type { ArtifactState, Release } from "../model/release.ts";
import { nothingSensed } from "../plan/plan.ts";
import { emptyWorld } from "../ports/runtime.ts";
import { Observer, type ObserverDeps } from "./observe.ts";

const key = { app: "shop", environment: "production" };
const failed: ArtifactState = {
  state: "failed",
  code: "build.failed",
  detail: "npm: s3cr3t-canary is refused",
  task: null,
};

test("what a failed build quotes of a release's secrets is hidden from where it is kept and shown", async () => {
  const redactor = createRedactor([{ name: "NPM_TOKEN", value: new Secret("s3cr3t-canary") }]);
  const observer = new Observer({
    journal: {
      environments: { find: async () => null, facts: async () => [] },
      deployments: { unfinished: async () => [{ release: 2, previous: null } as Deployment] },
      releases: { find: async () => ({ key, number: 2, artifacts: [{ digest: "sha256:bad" }] }) as unknown as Release },
    },
    runtime: { observe: async () => emptyWorld },
    edge: { observe: async () => ({ up: true, table: null, stats: {} }) },
    builder: { observe: async () => failed },
    clock: { now: () => 0 },
    redactors: { of: async () => redactor },
  } as unknown as ObserverDeps);
  const { artifacts } = await observer.observe(key, nothingSensed);
  expect(artifacts["sha256:bad"]).toMatchObject({
    state: "failed",
    detail: expect.stringMatching(/^npm: .* is refused$/),
  });
  expect(JSON.stringify(artifacts)).not.toContain("canary");
});

test("an instance whose deployment is not kept any more is ours as long as there are facts about it; without it is not", async () => {
  const running = (name: string) => ({ name, exit: null, identity: { key, release: 1, deployment: "dep_old" } });
  const observer = new Observer({
    journal: {
      environments: {
        find: async () => newEnvironment(key),
        facts: async () => [{ name: "stuck", gatedAt: 1, retiredAt: 2, retiredBecause: "unwanted" }],
      },
      deployments: { unfinished: async () => [], find: async () => null },
      releases: { find: async () => null },
    },
    runtime: {
      observe: async () => ({ ...emptyWorld, instances: [running("stuck"), running("foreign")] }),
    },
    edge: { observe: async () => ({ up: true, table: null, stats: {} }) },
    clock: { now: () => 0 },
  } as unknown as ObserverDeps);
  const s = await observer.observe(key, nothingSensed);
  const names = [s.instances, s.unexplained].map((some) => some?.map(({ name }) => name));
  expect(names).toEqual([["stuck"], ["foreign"]]);
});
