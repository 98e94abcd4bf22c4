import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Fault, type FaultCode } from "../../base/faults.ts";
import type { Change } from "../../model/change.ts";
import { type EnvKey, newEnvironment } from "../../model/environment.ts";
import type { InstanceFacts } from "../../model/instance.ts";
import type { Journal } from "../../ports/journal.ts";
import { auditCases } from "./journal-audit.ts";
import { claimCases, outcome } from "./journal-claims.ts";
import { retentionCases } from "./journal-retention.ts";
import { aDeployment, anEvent, aRelease, ended } from "./journal-samples.ts";
import { tokenCases } from "./journal-tokens.ts";
import { pointer, sealed, valueCases } from "./journal-values.ts";

export { aDeployment, anEvent, aRelease, ended } from "./journal-samples.ts";

/** A journal under test; `reopen` goes on with the same content as after the death of the process. */
export interface JournalUnderTest {
  readonly journal: Journal;
  reopen(): Promise<Journal>;
  dispose(): Promise<void>;
}

const key: EnvKey = { app: "shop", environment: "production" };
const other: EnvKey = { app: "shop", environment: "pr-1" };

const facts = (name: string, more: Partial<InstanceFacts> = {}): InstanceFacts => ({
  name,
  gatedAt: null,
  retiredAt: null,
  retiredBecause: null,
  ...more,
});

async function codeOf(work: Promise<unknown>): Promise<FaultCode | "none"> {
  return work.then(
    () => "none",
    (thrown) => thrown.code,
  );
}

/** What every Journal promises (ports/journal.ts). */
export function journalConformance(name: string, make: () => Promise<JournalUnderTest>): void {
  describe(`journal contract: ${name}`, () => {
    let place: JournalUnderTest;
    let journal: Journal;
    beforeEach(async () => {
      place = await make();
      journal = place.journal;
    });
    afterEach(() => place.dispose());
    const now = () => journal;

    environmentCases(now);
    valueCases(now);
    recordCases(now);
    stepAndEventCases(now);
    claimCases(now);
    pruneCases(now);
    retentionCases(now);
    auditCases(now);
    tokenCases(now, async () => {
      journal = await place.reopen();
      return journal;
    });

    test("a killed controller's successor finds all that was committed", async () => {
      const step = { key, deployment: "dep_1", what: "{}", subject: "web", why: "because", begunAt: 5 };
      await journal.commit([
        { kind: "release", release: aRelease(1) },
        { kind: "deployment", deployment: aDeployment(1) },
        { kind: "scale", key, service: "web", replicas: 3 },
        { kind: "facts", key, facts: facts("a", { gatedAt: 7 }) },
        anEvent(9),
      ]);
      const id = await journal.beginStep(step);
      await journal.claim("answered", "digest", 10);
      await journal.answer("answered", { status: 201, body: "{}" });
      await journal.claim("cut off", "digest", 10);
      await journal.claim("done", "digest", 10);
      await journal.commit([{ kind: "claim.done", claim: "done", outcome }, anEvent(10)]);
      journal = await place.reopen();
      expect(await journal.release(key, 1)).toEqual(aRelease(1));
      expect(await journal.unfinished(key)).toEqual([aDeployment(1)]);
      expect((await journal.environment(key))?.scale).toEqual({ web: 3 });
      expect(await journal.facts(key)).toEqual([facts("a", { gatedAt: 7 })]);
      expect(await journal.steps("dep_1")).toEqual([{ ...step, id, endedAt: null, fault: null }]);
      expect(await journal.events({ after: 0, limit: 10 })).toHaveLength(2);
      expect(await journal.claim("done", "digest", 11)).toMatchObject({ status: null, body: null, outcome });
      expect(await journal.claim("answered", "digest", 11)).toMatchObject({ status: 201, body: "{}" });
      expect(await journal.claim("cut off", "digest", 11)).toBeNull();
    });
  });
}

function environmentCases(now: () => Journal): void {
  test("knows nothing at first", async () => {
    expect(await now().environments()).toEqual([]);
    expect(await now().environment(key)).toBeNull();
    expect(await now().release(key, 1)).toBeNull();
    expect(await now().deployment("dep_0")).toBeNull();
    expect(await now().lastReleaseNumber(key)).toBe(0);
    expect(await now().lastEventId()).toBe(0);
    expect(await now().unfinished(key)).toEqual([]);
    expect(await now().facts(key)).toEqual([]);
  });

  test("an environment comes into being with the first change that names it", async () => {
    await now().commit([anEvent(1)]);
    const fresh = newEnvironment(key);
    expect(await now().environment(key)).toEqual(fresh);
    expect(await now().environment(other)).toBeNull();
    expect(await now().environments()).toEqual([fresh]);
  });

  test("keeps whether an environment is closed for maintenance, and with which words", async () => {
    const maintenance = { message: "Back at nine – 数据库", page: "<h1>Back at nine</h1>" };
    await now().commit([{ kind: "maintenance", key, maintenance }]);
    expect(await now().environment(key)).toMatchObject({ maintenance, stopped: false, revision: 0 });
    await now().commit([{ kind: "maintenance", key, maintenance: null }]);
    expect(await now().environment(key)).toMatchObject({ maintenance: null });
  });

  test("keeps whose code waits to be deployed, and that none does", async () => {
    await now().commit([{ kind: "staged", key, staged: 7 }]);
    expect(await now().environment(key)).toMatchObject({ staged: 7, revision: 0 });
    await now().commit([{ kind: "staged", key, staged: null }]);
    expect(await now().environment(key)).toMatchObject({ staged: null });
  });

  test("keeps until when an environment is a preview, and of which other one", async () => {
    const preview = { from: "staging", ttlMs: 60_000, endsAt: 61_000, endedAt: null };
    await now().commit([{ kind: "preview", key, preview }]);
    expect(await now().environment(key)).toMatchObject({ preview, stopped: false, revision: 0 });
    await now().commit([{ kind: "preview", key, preview: { ...preview, endedAt: 61_005 } }]);
    expect((await now().environment(key))?.preview).toEqual({ ...preview, endedAt: 61_005 });
  });

  test("keeps what an environment serves and whether it is stopped", async () => {
    const serving = { release: 2, generations: { web: "dep_1", worker: "dep_2" } };
    await now().commit([
      { kind: "serving", key, serving },
      { kind: "stopped", key, stopped: true },
    ]);
    expect(await now().environment(key)).toMatchObject({ serving, stopped: true, revision: 0 });
    await now().commit([
      { kind: "serving", key, serving: null },
      { kind: "stopped", key, stopped: false },
    ]);
    expect(await now().environment(key)).toMatchObject({ serving: null, stopped: false });
  });

  test("scale and variables are merged by name, and each change raises the revision", async () => {
    await now().commit([
      { kind: "variables", key, set: { A: sealed(1, "1"), B: sealed(1, "2"), __proto__x: sealed(1, "3") } },
    ]);
    await now().commit([{ kind: "variables", key, set: { A: null, B: sealed(2, "é") } }]);
    await now().commit([{ kind: "scale", key, service: "web", replicas: 4 }]);
    await now().commit([{ kind: "scale", key, service: "worker", replicas: 0 }]);
    await now().commit([{ kind: "scale", key, service: "web", replicas: null }]);
    const environment = await now().environment(key);
    expect(environment?.variables).toEqual({ B: pointer(2), __proto__x: pointer(1) });
    expect(environment?.scale).toEqual({ worker: 0 });
    expect(environment?.revision).toBe(5);
  });

  test("facts are replaced and forgotten by name", async () => {
    await now().commit([
      { kind: "facts", key, facts: facts("b") },
      { kind: "facts", key, facts: facts("a") },
      { kind: "facts", key: other, facts: facts("a", { gatedAt: 1 }) },
    ]);
    const gone = facts("b", { gatedAt: 1, retiredAt: 2, retiredBecause: "unwanted" });
    await now().commit([{ kind: "facts", key, facts: gone }]);
    expect([...(await now().facts(key))].sort((x, y) => (x.name < y.name ? -1 : 1))).toEqual([facts("a"), gone]);
    await now().commit([{ kind: "facts.forgotten", key, name: "a" }]);
    expect(await now().facts(key)).toEqual([gone]);
    expect(await now().facts(other)).toHaveLength(1);
  });
}

function recordCases(now: () => Journal): void {
  test("a release is kept as it was and never changed", async () => {
    await now().commit([{ kind: "release", release: aRelease(1) }]);
    const again: Change = { kind: "release", release: aRelease(1, { message: "changed" }) };
    expect(await codeOf(now().commit([{ kind: "stopped", key, stopped: true }, again]))).toBe("document.stale");
    expect(await now().release(key, 1)).toEqual(aRelease(1));
    expect((await now().environment(key))?.stopped).toBe(false); // all of a commit or nothing
  });

  test("releases come newest first, page by page, of one environment", async () => {
    for (const number of [1, 2, 3, 4]) await now().commit([{ kind: "release", release: aRelease(number) }]);
    await now().commit([{ kind: "release", release: aRelease(9, { key: other }) }]);
    const numbers = async (page: { before?: number; limit: number }) =>
      (await now().releases(key, page)).map((release) => release.number);
    expect(await numbers({ limit: 3 })).toEqual([4, 3, 2]);
    expect(await numbers({ before: 2, limit: 3 })).toEqual([1]);
    expect(await now().lastReleaseNumber(key)).toBe(4);
    expect(await now().lastReleaseNumber(other)).toBe(9);
  });

  test("a deployment is replaced by its id; unfinished ones come oldest first", async () => {
    for (const place of [1, 2, 3]) await now().commit([{ kind: "deployment", deployment: aDeployment(place) }]);
    await now().commit([{ kind: "deployment", deployment: aDeployment(9, { key: other }) }]);
    await now().commit([{ kind: "deployment", deployment: ended(2, "cancelled") }]);
    await now().commit([{ kind: "deployment", deployment: aDeployment(1, { phase: "undo", verdict: "failed" }) }]);
    expect((await now().unfinished(key)).map((each) => [each.id, each.phase])).toEqual([
      [aDeployment(1).id, "undo"],
      [aDeployment(3).id, "queued"],
    ]);
    expect(await now().deployment(aDeployment(2).id)).toEqual(ended(2, "cancelled"));
    const ids = async (page: { before?: string; limit: number }) =>
      (await now().deployments(key, page)).map((each) => each.id);
    expect(await ids({ limit: 2 })).toEqual([aDeployment(3).id, aDeployment(2).id]);
    expect(await ids({ before: aDeployment(2).id, limit: 2 })).toEqual([aDeployment(1).id]);
  });

  test("live releases come by their last time of being live, each once", async () => {
    const verdicts = ["live", "live", "failed", "live", "rolled-back", "live"] as const;
    const releases = [1, 2, 3, 4, 5, 1];
    for (const [index, verdict] of verdicts.entries()) {
      const deployment = ended(index + 1, verdict, { release: releases[index] ?? 0 });
      await now().commit([{ kind: "deployment", deployment }]);
    }
    await now().commit([{ kind: "deployment", deployment: ended(1, "live", { release: 1, culprit: "late" }) }]);
    await now().commit([{ kind: "deployment", deployment: aDeployment(8, { release: 8 }) }]);
    expect(await now().liveReleases(key, 10)).toEqual([1, 4, 2]);
    expect(await now().liveReleases(key, 2)).toEqual([1, 4]);
    expect(await now().liveReleases(other, 2)).toEqual([]);
  });
}

function stepAndEventCases(now: () => Journal): void {
  const step = { key, deployment: "dep_1", what: '{"kind":"start"}', subject: "web-0", why: "missing", begunAt: 5 };

  test("a step is there before it is done, and afterwards with how it went and what follows", async () => {
    const first = await now().beginStep(step);
    const second = await now().beginStep({ ...step, begunAt: 6 });
    expect(second).toBeGreaterThan(first);
    const fault = { code: "runtime.start-failed", detail: "no such program", hint: "check it" } as const;
    await now().endStep(first, { at: 8, fault, changes: [{ kind: "facts", key, facts: facts("x") }, anEvent(8)] });
    await now().endStep(second, { at: 9, fault: null, changes: [] });
    expect(await now().steps("dep_1")).toEqual([
      { ...step, id: first, endedAt: 8, fault },
      { ...step, begunAt: 6, id: second, endedAt: 9, fault: null },
    ]);
    expect(await now().facts(key)).toHaveLength(1);
    expect(await now().steps("dep_2")).toEqual([]);
  });

  test("a step whose consequences cannot be written has not ended", async () => {
    await now().commit([{ kind: "release", release: aRelease(1) }]);
    const id = await now().beginStep(step);
    const changes: Change[] = [anEvent(1), { kind: "release", release: aRelease(1) }];
    expect(await codeOf(now().endStep(id, { at: 8, fault: null, changes }))).toBe("document.stale");
    expect(await now().steps("dep_1")).toMatchObject([{ endedAt: null }]);
    expect(await now().lastEventId()).toBe(0);
  });

  test("events rise and are read on from where a reader stopped, by key and by deployment", async () => {
    await now().commit([anEvent(1, { deployment: "d1" }), anEvent(2, { key: other, deployment: "d2" })]);
    await now().commit([anEvent(3, { deployment: "d1", subject: "web", kind: "instance.gated" }), anEvent(4)]);
    const times = async (filter: Parameters<Journal["events"]>[0]) =>
      (await now().events(filter)).map((event) => event.at);
    const all = await now().events({ after: 0, limit: 10 });
    expect(all.map((event) => event.at)).toEqual([1, 2, 3, 4]);
    expect(all.map((event) => event.id)).toEqual([...all.map((event) => event.id)].sort((a, b) => a - b));
    expect(new Set(all.map((event) => event.id)).size).toBe(4);
    const { id: _, ...third } = all[2] ?? { id: 0 };
    expect({ kind: "event", event: third }).toEqual(
      anEvent(3, { deployment: "d1", subject: "web", kind: "instance.gated" }),
    );
    expect(await times({ key, after: 0, limit: 10 })).toEqual([1, 3, 4]);
    expect(await times({ key, after: all[0]?.id ?? 0, limit: 1 })).toEqual([3]);
    expect(await times({ deployment: "d1", after: 0, limit: 10 })).toEqual([1, 3]);
    expect(await times({ key: other, deployment: "d1", after: 0, limit: 10 })).toEqual([]);
    expect(await times({ after: await now().lastEventId(), limit: 10 })).toEqual([]);
    expect(await now().lastEventId()).toBe(all[3]?.id);
  });

  test("listeners hear of every commit, after it, with each key once", async () => {
    const heard: EnvKey[][] = [];
    const stop = now().committed((keys) => heard.push([...keys]));
    await now().commit([anEvent(1), anEvent(2, { key: other }), anEvent(3)]);
    await now().commit([]);
    expect(heard).toEqual([[key, other]]);
    expect(await now().lastEventId()).toBeGreaterThan(0);
    const id = await now().beginStep({ ...step, key: other });
    await now().endStep(id, { at: 8, fault: null, changes: [{ kind: "facts", key, facts: facts("x") }] });
    expect(heard.at(-1)).toEqual([key]);
    const before = heard.length;
    await codeOf(now().commit([{ kind: "release", release: aRelease(1) }]));
    await codeOf(now().commit([{ kind: "release", release: aRelease(1) }])); // refused, so nothing to hear
    expect(heard).toHaveLength(before + 1);
    stop();
    await now().commit([anEvent(4)]);
    expect(heard).toHaveLength(before + 1);
  });

  test("a listener that fails breaks neither the commit nor the other listeners", async () => {
    let others = 0;
    now().committed(() => {
      throw new Fault("operation.failed", "a listener's own mistake");
    });
    now().committed(() => {
      others += 1;
    });
    await now().commit([anEvent(1)]);
    expect(others).toBe(1);
    expect(await now().events({ after: 0, limit: 10 })).toHaveLength(1);
  });
}

function pruneCases(now: () => Journal): void {
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
        await now().beginStep({ key, deployment: id, what: "{}", subject: "s", why: "w", begunAt: at });
      }
    }
    const last = await now().lastEventId();
    await now().prune({ history: 20, audit: 0 });
    const left = async (id: string) => [
      (await now().steps(id)).map((step) => step.begunAt),
      (await now().events({ deployment: id, after: 0, limit: 9 })).map((event) => event.at),
    ];
    expect(await left(over.id)).toEqual([[30], [30]]);
    const both = [10, 30];
    expect(await left(open.id)).toEqual([both, both]);
    expect(await now().deployments(key, { limit: 9 })).toHaveLength(2);
    expect(await now().release(key, 1)).not.toBeNull();
    await now().prune({ history: 100, audit: 0 });
    await now().commit([anEvent(40)]);
    expect(await now().lastEventId()).toBeGreaterThan(last); // ids are not used again
  });
}
