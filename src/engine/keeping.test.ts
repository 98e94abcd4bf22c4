import { setImmediate as settle } from "node:timers/promises";
import { expect, test } from "vitest";
import { type EnvKey, keyText } from "../model/environment.ts";
import { plainBuild } from "../model/release.ts";
import type { StoredObject } from "../ports/builder.ts";
import { aRelease, ended } from "../testing/conformance/journal.ts";
import { SimulatedBuilder } from "../testing/simulation/builder.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import { SimulatedJournal } from "../testing/simulation/journal.ts";
import { SimulatedLogs } from "../testing/simulation/logs.ts";
import { StageBuilder } from "../testing/stage.ts";
import { collectArtifacts, startKeeping } from "./keeping.ts";

const hour = 3_600_000;
const keyOf = (environment: string): EnvKey => ({ app: "shop", environment });

/** Keeps which environments it was told to leave nothing of. */
class WatchedLogs extends SimulatedLogs {
  readonly emptied = new Set<string>();
  override async cap(bytes?: number, keys: readonly EnvKey[] = []): Promise<void> {
    if (bytes === 0) for (const key of keys) this.emptied.add(keyText(key));
  }
}

test("of a preview that has ended artifacts go soon and lines after a week; of all others neither", async () => {
  const clock = new SimulatedClock();
  const journal = new SimulatedJournal();
  const logs = new WatchedLogs();
  const builder = new SimulatedBuilder(clock, () => ({ takesMs: 0, fails: false }));
  const preview = { from: "staging", ttlMs: hour, endsAt: clock.now() };
  const previews = { gone: { ...preview, endedAt: clock.now() }, there: { ...preview, endedAt: null }, own: null };
  for (const [place, [environment, preview]] of Object.entries(previews).entries()) {
    const key = keyOf(environment);
    const artifact = { digest: `sha256:${environment}`, source: "sha256:00", ...plainBuild };
    await builder.build(artifact);
    await journal.commit([
      { kind: "release", release: aRelease(1, { key, artifacts: [artifact] }) },
      { kind: "deployment", deployment: ended(place, "live", { key, release: 1 }) },
      ...(preview ? [{ kind: "preview", key, preview } as const] : []),
    ]);
  }
  const log = { warn: (_about: object, message: string) => expect.fail(message), error: () => undefined };
  const stop = startKeeping({ journal, builder, logs, clock, log }, async () => undefined);
  const pass = async (until: number) => {
    while ((clock.nextAt() ?? Number.POSITIVE_INFINITY) <= until) {
      clock.step();
      await settle();
    }
  };
  await pass(3 * hour);
  expect((await builder.list()).map(({ digest }) => digest)).toEqual(["sha256:there", "sha256:own"]);
  expect([...logs.emptied]).toEqual([]);
  clock.jump(7 * 24 * hour);
  await pass(4 * hour);
  expect([...logs.emptied]).toEqual(["shop/gone"]);
  stop();
});

/** Has two old sources and two old artifacts, and tells which were removed. */
class OldObjects extends StageBuilder {
  readonly removed: string[] = [];

  override async list(): Promise<StoredObject[]> {
    const old = { touchedAt: 0, bytes: 1 };
    return (["source", "artifact"] as const).flatMap((what) => [
      { digest: `sha256:${what}`, what, ...old },
      { digest: `sha256:other-${what}`, what, ...old },
    ]);
  }

  override async remove({ digest }: { digest: string }): Promise<void> {
    this.removed.push(digest);
  }
}

test("what was built of staged code is kept with its source, however long it waits, and no longer", async () => {
  const journal = new SimulatedJournal();
  const key = keyOf("production");
  const artifact = { digest: "sha256:artifact", source: "sha256:source", ...plainBuild };
  await journal.commit([
    { kind: "release", release: aRelease(1, { key, artifacts: [artifact] }) },
    { kind: "deployment", deployment: ended(0, "staged", { key, kind: "stage", release: 1 }) },
  ]);
  const clock = new SimulatedClock();
  clock.jump(24 * hour);
  const removedWhile = async (staged: number | null) => {
    await journal.commit([{ kind: "staged", key, staged }]);
    const builder = new OldObjects();
    await collectArtifacts({ journal, builder, clock });
    return builder.removed;
  };
  expect(await removedWhile(1)).toEqual(["sha256:other-source", "sha256:other-artifact"]);
  expect(await removedWhile(null)).toHaveLength(4);
});

test("of a preview that has just ended artifacts stay until its instances have had their time to finish", async () => {
  const journal = new SimulatedJournal();
  const clock = new SimulatedClock();
  clock.jump(24 * hour);
  const key = keyOf("pr-1");
  const artifact = { digest: "sha256:artifact", source: "sha256:source", ...plainBuild };
  const preview = { from: "staging", ttlMs: hour, endsAt: clock.now(), endedAt: clock.now() };
  await journal.commit([
    { kind: "release", release: aRelease(1, { key, artifacts: [artifact] }) },
    { kind: "deployment", deployment: ended(0, "live", { key, release: 1 }) },
    { kind: "preview", key, preview },
  ]);
  const removedAt = async (ms: number) => {
    clock.jump(ms);
    const builder = new OldObjects();
    await collectArtifacts({ journal, builder, clock });
    return builder.removed;
  };
  expect(await removedAt(60_000)).toEqual(["sha256:other-source", "sha256:other-artifact"]);
  expect(await removedAt(hour)).toHaveLength(4);
});
