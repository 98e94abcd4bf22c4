import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Fault } from "../../base/faults.ts";
import type { EnvKey } from "../../model/environment.ts";
import type { Change, Journal } from "../../ports/journal.ts";
import { auditCases } from "./journal/audit.ts";
import { claimCases, outcome } from "./journal/claims.ts";
import { deploymentCases } from "./journal/deployments.ts";
import { environmentCases } from "./journal/environments.ts";
import { eventCases } from "./journal/events.ts";
import { releaseCases } from "./journal/releases.ts";
import { retentionCases } from "./journal/retention.ts";
import { aDeployment, anEvent, aRelease, codeOf, facts } from "./journal/samples.ts";
import { stepCases } from "./journal/steps.ts";
import { tokenCases } from "./journal/tokens.ts";
import { valueCases } from "./journal/values.ts";

export { aDeployment, anEvent, aRelease, ended } from "./journal/samples.ts";

/** A journal under test; `reopen` goes on with the same content as after the death of the process. */
export interface JournalUnderTest {
  readonly journal: Journal;
  reopen(): Promise<Journal>;
  dispose(): Promise<void>;
}

const key: EnvKey = { app: "shop", environment: "production" };
const other: EnvKey = { app: "shop", environment: "pr-1" };

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
    releaseCases(now);
    deploymentCases(now);
    stepCases(now);
    eventCases(now);
    valueCases(now);
    claimCases(now);
    commitCases(now);
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
      const id = await journal.steps.begin(step);
      await journal.claims.claim("answered", "digest", 10);
      await journal.claims.answer("answered", { status: 201, body: "{}" });
      await journal.claims.claim("cut off", "digest", 10);
      await journal.claims.claim("done", "digest", 10);
      await journal.commit([{ kind: "claim.done", claim: "done", outcome }, anEvent(10)]);
      journal = await place.reopen();
      expect(await journal.releases.find(key, 1)).toEqual(aRelease(1));
      expect(await journal.deployments.unfinished(key)).toEqual([aDeployment(1)]);
      expect((await journal.environments.find(key))?.scale).toEqual({ web: 3 });
      expect(await journal.environments.facts(key)).toEqual([facts("a", { gatedAt: 7 })]);
      expect(await journal.steps.of("dep_1")).toEqual([{ ...step, id, endedAt: null, fault: null }]);
      expect(await journal.events.page({ after: 0, limit: 10 })).toHaveLength(2);
      expect(await journal.claims.claim("done", "digest", 11)).toMatchObject({ status: null, body: null, outcome });
      expect(await journal.claims.claim("answered", "digest", 11)).toMatchObject({ status: 201, body: "{}" });
      expect(await journal.claims.claim("cut off", "digest", 11)).toBeNull();
    });
  });
}

function commitCases(now: () => Journal): void {
  test("listeners hear of every commit, after it, with each key once and what was changed", async () => {
    const heard: EnvKey[][] = [];
    const changed: Change[] = [];
    const stop = now().committed((keys, changes) => {
      heard.push([...keys]);
      changed.push(...changes);
    });
    const all = [anEvent(1), anEvent(2, { key: other }), anEvent(3)];
    await now().commit(all);
    expect(changed).toEqual(all);
    await now().commit([]);
    expect(heard).toEqual([[key, other]]);
    expect(await now().events.lastId()).toBeGreaterThan(0);
    const id = await now().steps.begin({
      key: other,
      deployment: "dep_1",
      what: "start",
      subject: "web-0",
      why: "missing",
      begunAt: 5,
    });
    await now().commit([
      { kind: "step.ended", id, at: 8, fault: null },
      { kind: "facts", key, facts: facts("x") },
    ]);
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
    expect(await now().events.page({ after: 0, limit: 10 })).toHaveLength(1);
  });
}
