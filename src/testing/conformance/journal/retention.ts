import { expect, test } from "vitest";
import type { EnvKey } from "../../../model/environment.ts";
import type { Change, Journal } from "../../../ports/journal.ts";
import { aDeployment, anEvent, aRelease, ended } from "./samples.ts";

const key: EnvKey = { app: "shop", environment: "production" };
const other: EnvKey = { app: "shop", environment: "pr-1" };
const preview = { from: "staging", ttlMs: 60_000, endsAt: 1_000, endedAt: 1_005 };

/** One deployment of a release of its own that went live, with a step and an event. */
async function lived(journal: Journal, key: EnvKey, place: number): Promise<void> {
  const deployment = ended(place, "live", { key });
  const changes: Change[] = [
    { kind: "release", release: aRelease(place, { key }) },
    { kind: "deployment", deployment },
    anEvent(place, { key, deployment: deployment.id }),
  ];
  await journal.commit(changes);
  const step = { key, deployment: deployment.id, what: "{}", subject: "s", why: "w", begunAt: place };
  const id = await journal.steps.begin(step);
  await journal.commit([{ kind: "step.ended", id, at: place, fault: null }]);
}

/** What is left, by number. */
async function left(journal: Journal, key: EnvKey) {
  const deployments = (await journal.deployments.page(key, { limit: 99 })).map(({ release }) => release);
  const events = await journal.events.page({ key, after: 0, limit: 99 });
  return {
    deployments,
    releases: (await journal.releases.page(key, { limit: 99 })).map(({ number }) => number),
    events: events.map(({ at }) => at).reverse(),
    steps: (await Promise.all([1, 2, 3, 4, 5, 6].map((n) => journal.steps.of(aDeployment(n).id)))).flat().length,
  };
}

/** How the history of environments stays within bounds. */
export function retentionCases(now: () => Journal): void {
  test("prune deletes old steps and events, but not those of a deployment under way, and no record", async () => {
    const [over, open] = [ended(1, "live"), aDeployment(2)];
    await now().commit([
      { kind: "release", release: aRelease(1) },
      { kind: "deployment", deployment: over },
      { kind: "deployment", deployment: open },
    ]);
    for (const { id } of [over, open]) {
      for (const at of [10, 30]) {
        await now().commit([anEvent(at, { deployment: id })]);
        await now().steps.begin({ key, deployment: id, what: "{}", subject: "s", why: "w", begunAt: at });
      }
    }
    const last = await now().events.lastId();
    await now().prune({ history: 20, audit: 0 });
    const left = async (id: string) => [
      (await now().steps.of(id)).map((step) => step.begunAt),
      (await now().events.page({ deployment: id, after: 0, limit: 9 })).map((event) => event.at),
    ];
    expect(await left(over.id)).toEqual([[30], [30]]);
    const both = [10, 30];
    expect(await left(open.id)).toEqual([both, both]);
    expect(await now().deployments.page(key, { limit: 9 })).toHaveLength(2);
    expect(await now().releases.find(key, 1)).not.toBeNull();
    await now().prune({ history: 100, audit: 0 });
    await now().commit([anEvent(40)]);
    expect(await now().events.lastId()).toBeGreaterThan(last); // ids are not used again
  });

  test("previews that were taken down are not among the environments, and can be looked for", async () => {
    await now().commit([
      { kind: "preview", key: other, preview },
      { kind: "preview", key, preview: { ...preview, endedAt: null } },
    ]);
    const keys = async (of: Promise<readonly { key: EnvKey }[]>) => (await of).map((one) => one.key);
    expect([await keys(now().environments.all()), await keys(now().environments.endedPreviews())]).toEqual([
      [key],
      [other],
    ]);
  });

  test("thin keeps the newest, what is named, what serves and what is under way, and touches no other environment", async () => {
    for (const place of [1, 2, 3, 4, 5]) await lived(now(), key, place);
    await lived(now(), other, 6);
    const generations = { web: aDeployment(2).id };
    await now().commit([
      { kind: "serving", key, serving: { release: 2, generations } },
      { kind: "release", release: aRelease(7) },
      { kind: "deployment", deployment: aDeployment(1, { id: "dep_000001_open" }) },
    ]);
    await now().thin(key, { newestDeployments: 99, newestReleases: 99, releases: [] });
    expect((await left(now(), key)).releases).toEqual([7, 5, 4, 3, 2, 1]);
    await now().thin(key, { newestDeployments: 2, newestReleases: 2, releases: [1, 2] });
    const { deployments, releases, events, steps } = await left(now(), key);
    expect(releases).toEqual([7, 5, 2, 1]);
    expect(deployments).toContain(2);
    expect((await now().deployments.unfinished(key)).map(({ id }) => id)).toEqual(["dep_000001_open"]);
    expect([deployments.includes(3), deployments.includes(4), events.includes(3), steps]).toEqual([
      false,
      false,
      false,
      events.length + 1,
    ]);
    expect(await now().releases.lastNumber(key)).toBe(7);
    expect((await left(now(), other)).releases).toEqual([6]);
  });

  test("forget leaves nothing of a preview that ended long ago but the audit, and of any other everything", async () => {
    await lived(now(), other, 1);
    await now().commit([
      { kind: "variables", key: other, set: { A: { version: 1, at: 1, by: "ada", sealed: "x" } } },
      { kind: "preview", key: other, preview },
      {
        kind: "audit",
        entry: {
          at: 1,
          actor: { name: "ada", via: "socket", from: null },
          action: "deploy",
          key: other,
          names: [],
          detail: "",
        },
      },
    ]);
    await now().forget(other, 1_005);
    expect((await left(now(), other)).releases).toEqual([1]);
    const open = aDeployment(9, { key: other });
    await now().commit([{ kind: "deployment", deployment: open }]);
    await now().forget(other, 2_000);
    expect(await now().environments.find(other)).not.toBeNull();
    await now().commit([{ kind: "deployment", deployment: ended(9, "live", { key: other }) }]);
    await lived(now(), key, 2);
    for (const one of [other, key]) await now().forget(one, 2_000);
    expect(await left(now(), other)).toEqual({ deployments: [], releases: [], events: [], steps: 1 });
    expect([await now().environments.find(other), await now().values.versions(other)]).toEqual([null, []]);
    expect(await now().audit.page({ key: other, limit: 9 })).toHaveLength(1);
    expect((await left(now(), key)).releases).toEqual([2]);
  });
}
