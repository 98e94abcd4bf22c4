import { expect, test } from "vitest";
import type { EnvKey } from "../../../model/environment.ts";
import type { Journal } from "../../../ports/journal.ts";
import { aDeployment, ended } from "./samples.ts";

const key: EnvKey = { app: "shop", environment: "production" };
const other: EnvKey = { app: "shop", environment: "pr-1" };

/** Deployments: the newest record of each. */
export function deploymentCases(now: () => Journal): void {
  test("a deployment is replaced by its id; unfinished ones come oldest first", async () => {
    for (const place of [1, 2, 3]) await now().commit([{ kind: "deployment", deployment: aDeployment(place) }]);
    await now().commit([{ kind: "deployment", deployment: aDeployment(9, { key: other }) }]);
    await now().commit([{ kind: "deployment", deployment: ended(2, "cancelled") }]);
    await now().commit([{ kind: "deployment", deployment: aDeployment(1, { phase: "undo", verdict: "failed" }) }]);
    expect((await now().deployments.unfinished(key)).map((each) => [each.id, each.phase])).toEqual([
      [aDeployment(1).id, "undo"],
      [aDeployment(3).id, "queued"],
    ]);
    expect(await now().deployments.find(aDeployment(2).id)).toEqual(ended(2, "cancelled"));
    const ids = async (page: { before?: string; limit: number }) =>
      (await now().deployments.page(key, page)).map((each) => each.id);
    expect(await ids({ limit: 2 })).toEqual([aDeployment(3).id, aDeployment(2).id]);
    expect(await ids({ before: aDeployment(2).id, limit: 2 })).toEqual([aDeployment(1).id]);
  });
}
