import { setImmediate as settle } from "node:timers/promises";
import { expect, test } from "vitest";
import { type EnvKey, keyText } from "../model/environment.ts";
import { plainBuild } from "../model/release.ts";
import type { StoredObject } from "../ports/builder.ts";
import { aDeployment, aRelease, ended } from "../testing/conformance/journal.ts";
import { FakeBuilder } from "../testing/fakes.ts";
import { SimulatedBuilder } from "../testing/simulation/builder.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import { SimulatedJournal } from "../testing/simulation/journal.ts";
import { SimulatedLogs } from "../testing/simulation/logs.ts";
import { collectArtifacts, startRetention } from "./retention.ts";

const hour = 3_600_000;
const loop = {
  sweep: async () => undefined,
  exclusively: (_key: EnvKey, work: () => Promise<void>) => work(),
  forgotten: () => undefined,
};
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
  let stop = startRetention({ journal, builder, logs, clock, log }, loop);
  const pass = async (until: number) => {
    while ((clock.nextAt() ?? Number.POSITIVE_INFINITY) <= until) {
      clock.step();
      await settle();
    }
  };
  await pass(3 * hour);
  expect((await builder.list()).map(({ digest }) => digest)).toEqual(["sha256:there", "sha256:own"]);
  expect([...logs.emptied]).toEqual([]);
  await stop();
  clock.jump(7 * 24 * hour);
  stop = startRetention({ journal, builder, logs, clock, log }, loop);
  await pass(4 * hour);
  expect([...logs.emptied]).toEqual(["shop/gone"]);
  await stop();
});

test("a clock that is set forward by a year makes nothing old that is kept for its age", async () => {
  const clock = new SimulatedClock();
  const journal = new SimulatedJournal();
  const logs = new WatchedLogs();
  const builder = new SimulatedBuilder(clock, () => ({ takesMs: 0, fails: false }));
  const key = keyOf("pr-1");
  const at = clock.now();
  await builder.build({ digest: "sha256:fresh", source: "sha256:00", ...plainBuild });
  await journal.commit([
    { kind: "preview", key, preview: { from: "staging", ttlMs: hour, endsAt: at, endedAt: at } },
    { kind: "event", event: { at, key, kind: "deployment.ended", deployment: null, subject: null, detail: "" } },
  ]);
  const log = { warn: (_about: object, message: string) => expect.fail(message), error: () => undefined };
  const stop = startRetention({ journal, builder, logs, clock, log }, loop);
  clock.jump(366 * 24 * hour);
  for (; clock.elapsed < hour / 2; await settle()) clock.step();
  await stop();
  expect((await builder.list()).map(({ digest }) => digest)).toEqual(["sha256:fresh"]);
  expect(await journal.events.page({ after: 0, limit: 9 })).toHaveLength(1);
  expect([...logs.emptied]).toEqual([]);
});

/** Has two old sources and two old artifacts, and tells which were removed. */
class OldObjects extends FakeBuilder {
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

test("what somebody asks for while artifacts are collected stays, however it is asked for", async () => {
  const clock = new SimulatedClock();
  const journal = new SimulatedJournal();
  const key = keyOf("production");
  const artifactOf = (name: string) => ({ digest: `sha256:${name}`, source: "sha256:00", ...plainBuild });
  const names = ["first", "rollback", "built", "observed", "last"];
  const builder = new SimulatedBuilder(clock, () => ({ takesMs: 0, fails: false }));
  for (const [place, name] of names.entries()) {
    await builder.build(artifactOf(name));
    await journal.commit([{ kind: "release", release: aRelease(place + 1, { key, artifacts: [artifactOf(name)] }) }]);
  }
  clock.step();
  clock.jump(2 * hour);
  const remove = builder.remove.bind(builder);
  builder.remove = async (object) => {
    await remove(object);
    if (object.digest !== "sha256:first") return;
    const deployment = aDeployment(2, { key, kind: "rollback", release: 2 });
    await journal.commit([{ kind: "deployment", deployment }]);
    await builder.build(artifactOf("built"));
    await builder.observe("sha256:observed");
  };
  for (let n = 0; n < names.length; n += 1) clock.step();
  await collectArtifacts({ journal, builder, clock });
  const left = (await builder.list()).map(({ digest }) => digest.replace("sha256:", ""));
  expect(left.sort()).toEqual(["built", "observed", "rollback"]);
});

test("a preview that is made again while those of before are forgotten keeps its lines and its history", async () => {
  const clock = new SimulatedClock();
  const journal = new SimulatedJournal();
  const logs = new WatchedLogs();
  const preview = { from: "staging", ttlMs: hour, endsAt: clock.now(), endedAt: clock.now() };
  for (const name of ["pr-1", "pr-2"]) {
    const key = keyOf(name);
    await journal.commit([
      { kind: "release", release: aRelease(1, { key }) },
      { kind: "preview", key, preview },
    ]);
  }
  const forgotten: string[] = [];
  const again = {
    ...loop,
    exclusively: async (key: EnvKey, work: () => Promise<void>) => {
      if (key.environment === "pr-2") {
        await journal.commit([{ kind: "preview", key, preview: { ...preview, endedAt: null } }]);
      }
      await work();
    },
    forgotten: (key: EnvKey) => void forgotten.push(key.environment),
  };
  const log = { warn: (_about: object, message: string) => expect.fail(message), error: () => undefined };
  const builder = new SimulatedBuilder(clock, () => ({ takesMs: 0, fails: false }));
  clock.jump(8 * 24 * hour);
  const stop = startRetention({ journal, builder, logs, clock, log }, again);
  const end = (clock.nextAt() ?? 0) + 120_000;
  while ((clock.nextAt() ?? Number.POSITIVE_INFINITY) <= end) {
    clock.step();
    await settle();
  }
  await stop();
  expect([[...logs.emptied], forgotten]).toEqual([["shop/pr-1"], ["pr-1"]]);
  const releases = await Promise.all(["pr-1", "pr-2"].map((name) => journal.releases.find(keyOf(name), 1)));
  expect(releases.map((release) => release !== null)).toEqual([false, true]);
});
