import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Clock } from "../../../ports/clock.ts";
import type { Change, Journal } from "../../../ports/journal.ts";
import {
  aDeployment,
  anEvent,
  aRelease,
  ended,
  type JournalUnderTest,
  journalConformance,
} from "../../../testing/conformance/journal.ts";
import fc from "../../../testing/properties.ts";
import { openJournal } from "./open.ts";

const clock: Clock = { now: () => 1_000, after: () => () => {} };

/** `reopen` opens a copy of the files as they lie on disk at that moment: what a killed process leaves. */
async function sqliteJournal(): Promise<JournalUnderTest> {
  const root = mkdtempSync(join(tmpdir(), "fl-journal-"));
  const at = (life: number) => join(root, String(life));
  let life = 0;
  const open = () => openJournal(join(at(life), "journal.db"), clock);
  cpSync(mkdtempSync(join(root, "empty-")), at(0), { recursive: true });
  let current = await open();
  return {
    journal: current,
    reopen: async () => {
      cpSync(at(life), at(life + 1), { recursive: true });
      await current.close();
      life += 1;
      current = await open();
      return current;
    },
    dispose: async () => {
      await current.close();
      rmSync(root, { recursive: true });
    },
  };
}

journalConformance("sqlite", sqliteJournal);

const key = { app: "shop", environment: "production" };
const aValue = (text: string) => ({
  version: text.length + 1,
  at: 1,
  by: text,
  sealed: `sealed ${text}`,
});
const change: fc.Arbitrary<Change | "crash"> = fc.oneof(
  fc.constant("crash" as const),
  fc.integer({ min: 1, max: 4 }).map((number): Change => ({ kind: "release", release: aRelease(number) })),
  fc.integer({ min: 1, max: 5 }).map((n): Change => ({ kind: "deployment", deployment: aDeployment(n) })),
  fc.integer({ min: 1, max: 5 }).map((n): Change => ({ kind: "deployment", deployment: ended(n, "live") })),
  fc.dictionary(fc.constantFrom("A", "B", "__proto__"), fc.option(fc.string())).map((texts): Change => {
    const set = Object.entries(texts).map(([name, text]) => [name, text === null ? null : aValue(text)]);
    return { kind: "variables", key, set: Object.fromEntries(set) };
  }),
  fc.integer({ min: 0, max: 9 }).map((at) => anEvent(at)),
);

/** The plainest thing that does what the journal promises. */
function model() {
  const state = { releases: new Set<number>(), variables: new Map<string, string>(), revision: 0, events: 0 };
  const deployments = new Map<string, string>();
  return {
    state,
    deployments,
    commit(changes: readonly Change[]): boolean {
      const numbers = changes.flatMap((each) => (each.kind === "release" ? [each.release.number] : []));
      if (new Set(numbers).size < numbers.length || numbers.some((number) => state.releases.has(number))) return false;
      for (const each of changes) {
        if (each.kind === "release") state.releases.add(each.release.number);
        if (each.kind === "deployment") deployments.set(each.deployment.id, each.deployment.phase);
        if (each.kind === "event") state.events += 1;
        if (each.kind !== "variables") continue;
        state.revision += 1;
        for (const [name, value] of Object.entries(each.set)) {
          if (value === null) state.variables.delete(name);
          else state.variables.set(name, value.by);
        }
      }
      return true;
    },
  };
}

async function expectEqual(journal: Journal, { state, deployments }: ReturnType<typeof model>): Promise<void> {
  const environment = await journal.environments.find(key);
  const set = Object.entries(environment?.variables ?? {}).map(([name, { by }]) => [name, by] as const);
  expect(new Map(set)).toEqual(state.variables);
  expect(environment?.revision ?? 0).toBe(state.revision);
  const releases = await journal.releases.page(key, { limit: 99 });
  expect(releases.map((each) => each.number)).toEqual([...state.releases].sort((a, b) => b - a));
  const all = await journal.deployments.page(key, { limit: 99 });
  expect(all.map((each) => each.id)).toEqual([...deployments.keys()].reverse());
  const open = [...deployments].flatMap(([id, phase]) => (phase === "ended" ? [] : [id]));
  expect((await journal.deployments.unfinished(key)).map((each) => each.id)).toEqual(open);
  expect(await journal.events.page({ after: 0, limit: 999 })).toHaveLength(state.events);
}

test("any commits and crashes leave what a plain model of the journal holds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), async (commits) => {
      const place = await sqliteJournal();
      try {
        let { journal } = place;
        const expected = model();
        for (const commit of commits) {
          const changes = commit.filter((each) => each !== "crash");
          const written = expected.commit(changes);
          const done = await journal.commit(changes).then(
            () => true,
            () => false,
          );
          expect(done).toBe(written);
          if (changes.length < commit.length) journal = await place.reopen();
        }
        await expectEqual(journal, expected);
      } finally {
        await place.dispose();
      }
    }),
    { numRuns: 25 },
  );
});
