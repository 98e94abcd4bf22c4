import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Clock } from "../../../ports/clock.ts";
import { anEvent, aRelease, ended } from "../../../testing/conformance/journal.ts";
import { migrations } from "./books.ts";
import { openFile } from "./file.ts";
import { openJournal } from "./open.ts";

const clock: Clock = { now: () => 1_000, after: () => () => {} };
const key = { app: "shop", environment: "production" };
let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-journal-"));
  file = join(directory, "journal.db");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Name and digest of every file in the state directory. */
function fingerprint(): Record<string, string> {
  const digest = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(directory, name)))
      .digest("hex");
  return Object.fromEntries(readdirSync(directory).map((name) => [name, digest(name)]));
}

const opening = () =>
  openJournal(file, clock).then(
    async (journal) => {
      await journal.close();
      return "opened";
    },
    (thrown) => thrown.code,
  );

/** Leaves the files as a killed process does: with a write-ahead log that was not taken over. */
async function leaveAsKilled(): Promise<void> {
  const journal = await openJournal(file, clock);
  for (let number = 1; number <= 50; number += 1) {
    await journal.commit([{ kind: "release", release: aRelease(number) }, anEvent(number)]);
  }
  const left = ["", "-wal", "-shm"].map((suffix) => [file + suffix, readFileSync(file + suffix)] as const);
  await journal.close();
  for (const [name, bytes] of left) writeFileSync(name, bytes);
}

function alter(sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

describe("opening a journal", () => {
  test("makes it for its owner alone, and leaves nothing else behind", async () => {
    const journal = await openJournal(file, clock);
    await journal.commit([anEvent(1)]);
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    await journal.close();
    expect(readdirSync(directory)).toEqual(["journal.db"]);
  });

  test("goes on after a process was killed", async () => {
    await leaveAsKilled();
    const journal = await openJournal(file, clock);
    expect(await journal.releases.lastNumber(key)).toBe(50);
    await journal.close();
  });

  test("begins anew what was left half made", async () => {
    writeFileSync(`${file}.new`, "half");
    expect(await opening()).toBe("opened");
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  const spoil: readonly [string, string, () => void][] = [
    ["newer", "journal.newer", () => alter(`PRAGMA user_version = ${migrations.length + 1}`)],
    ["one whose migration differs", "journal.newer", () => alter("UPDATE migration SET checksum = 'sha256:00'")],
    ["another program's database", "journal.damaged", () => alter("PRAGMA application_id = 1")],
    ["one with a missing migration", "journal.damaged", () => alter("DELETE FROM migration")],
    ["no database", "journal.damaged", () => writeFileSync(file, "hello, this is a text ".repeat(500))],
    ["empty", "journal.damaged", () => truncateSync(file, 0)],
    ["cut short", "journal.damaged", () => truncateSync(file, statSync(file).size - 4096 * 3)],
    ["overwritten in the middle", "journal.damaged", () => overwrite(4096 * 3, 4096 * 8)],
  ];
  test.each(spoil)("refuses %s and leaves every byte as it was", async (_name, code, spoilIt) => {
    const journal = await openJournal(file, clock);
    for (let number = 1; number <= 50; number += 1) {
      await journal.commit([{ kind: "release", release: aRelease(number) }, anEvent(number)]);
    }
    await journal.close();
    spoilIt();
    const before = fingerprint();
    expect(await opening()).toBe(code);
    expect(fingerprint()).toEqual(before);
  });

  test("sees in the write-ahead log that it is newer, and leaves that as it was, too", async () => {
    await leaveAsKilled();
    const database = new DatabaseSync(file);
    database.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = ${migrations.length + 1}`);
    const left = ["", "-wal", "-shm"].map((suffix) => [file + suffix, readFileSync(file + suffix)] as const);
    database.close();
    for (const [name, bytes] of left) writeFileSync(name, bytes);
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
    const before = fingerprint();
    expect(await opening()).toBe("journal.newer");
    expect(fingerprint()).toEqual(before);
  });

  test("refuses a write-ahead log without its database, whose content it may be", async () => {
    await leaveAsKilled();
    rmSync(file);
    const before = fingerprint();
    expect(await opening()).toBe("journal.damaged");
    expect(fingerprint()).toEqual(before);
  });

  function overwrite(from: number, to: number): void {
    const bytes = readFileSync(file);
    bytes.fill(0x5a, from, to);
    writeFileSync(file, bytes);
  }
});

describe("migrations", () => {
  test("run once each, in order, and only what is missing", async () => {
    await (await openJournal(file, clock)).close();
    const more = [...migrations, { name: "more", sql: "CREATE TABLE more (a INTEGER) STRICT;" }];
    openFile(file, { migrations: more, now: 2_000 }).close();
    openFile(file, { migrations: more, now: 3_000 }).close();
    const database = new DatabaseSync(file, { readOnly: true });
    const done = database.prepare("SELECT number, name, done_at FROM migration").all();
    database.close();
    const first = migrations.map(({ name }, index) => [index + 1, name, 1_000]);
    expect(done.map((row) => Object.values(row))).toEqual([...first, [more.length, "more", 2_000]]);
    expect(await opening()).toBe("journal.newer");
  });

  test("one that fails leaves the journal at the one before", async () => {
    await (await openJournal(file, clock)).close();
    const broken = [...migrations, { name: "broken", sql: "CREATE TABLE half (a INTEGER) STRICT; nonsense;" }];
    expect(() => openFile(file, { migrations: broken, now: 2_000 })).toThrow();
    expect(await opening()).toBe("opened");
  });

  test("take the digests that were equal in all environments out of what was written before", async () => {
    const at = migrations.findIndex(({ name }) => name.startsWith("values without the digests"));
    openFile(file, { migrations: migrations.slice(0, at), now: 1_000 }).close();
    const value = { version: 2, digest: "0badcafe", at: 7, by: "ada" };
    const before = new DatabaseSync(file);
    const insert = "INSERT INTO environment (key, variables) VALUES ('shop/production', ?), ('shop/staging', '{}')";
    before.prepare(insert).run(JSON.stringify({ A: value, B: value }));
    before.close();
    const journal = await openJournal(file, clock);
    const pointer = { version: 2, at: 7, by: "ada" };
    expect((await journal.environments.all()).map(({ variables }) => variables)).toEqual([
      { A: pointer, B: pointer },
      {},
    ]);
    await journal.close();
  });

  test("lead to the schema in schema.sql (UPDATE=1 writes it)", async () => {
    await (await openJournal(file, clock)).close();
    const database = new DatabaseSync(file, { readOnly: true });
    const rows = database.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").all();
    database.close();
    const schema = `${rows.map((row) => `${row.sql};`).join("\n\n")}\n`;
    const golden = join(import.meta.dirname, "schema.sql");
    if (process.env.UPDATE === "1") writeFileSync(golden, schema);
    expect(schema).toBe(readFileSync(golden, "utf8"));
  });
});

test("no read goes through a whole table, however long the history", async () => {
  const journal = await openJournal(file, clock);
  const seen = new Set<string>();
  const prepare = DatabaseSync.prototype.prepare;
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string) {
    seen.add(sql);
    return prepare.call(this, sql);
  };
  try {
    await journal.commit([{ kind: "deployment", deployment: ended(1, "live") }]);
    await journal.environments.find(key);
    await journal.releases.find(key, 1);
    await journal.releases.page(key, { limit: 1 });
    await journal.releases.lastNumber(key);
    await journal.deployments.find("dep_1");
    await journal.deployments.page(key, { before: "dep_1", limit: 1 });
    await journal.deployments.unfinished(key);
    await journal.releases.live(key, 5);
    await journal.environments.facts(key);
    await journal.steps.of("dep_1");
    for (const filter of [{ key }, { deployment: "d" }, { key, deployment: "d" }, {}]) {
      await journal.events.page({ ...filter, after: 0, limit: 1 });
    }
    await journal.events.lastId();
    for (const filter of [{ key, since: 1 }, {}]) await journal.audit.page({ ...filter, limit: 1 });
    await journal.tokens.find("ci");
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
  await journal.close();
  const database = new DatabaseSync(file, { readOnly: true });
  const reads = [...seen].filter((sql) => sql.startsWith("SELECT"));
  expect(reads.length).toBeGreaterThanOrEqual(15);
  const plans: string[] = [];
  for (const sql of reads) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(
      ...Array(20)
        .fill(1)
        .slice(0, sql.split("?").length - 1),
    );
    const steps = plan.map((row) => String(row.detail));
    plans.push(...steps);
    // Without a filter, the newest event is the first row of a walk that the limit ends at once.
    const bounded = sql.includes("FROM event") ? steps.filter((step) => step !== "SCAN event") : steps;
    expect([sql, bounded.filter((step) => /SCAN|TEMP B-TREE/.test(step))]).toEqual([sql, []]);
  }
  for (const index of ["deployment_unfinished", "live_release_by_place"]) {
    expect(plans.filter((step) => step.includes(index))).toHaveLength(1);
  }
  database.close();
});

test("a file that grew behind its end is still read", async () => {
  await leaveAsKilled();
  appendFileSync(`${file}-wal`, Buffer.alloc(100, 1)); // a write that power loss cut off
  expect(await opening()).toBe("opened");
});

test("however many previews come and go and deployments are made, file, work and answers stay what they were", async () => {
  const journal = await openJournal(file, clock);
  const preview = { from: "staging", ttlMs: 1, endsAt: 1, endedAt: 1 };
  const keep = { newestDeployments: 20, newestReleases: 10, releases: [1] };
  let place = 0;
  const round = async (number: number) => {
    for (let n = 0; n < 30; n += 1) {
      place += 1;
      const release = aRelease(number * 30 + n + 1, { manifest: "x".repeat(4_000) });
      await journal.commit([
        { kind: "release", release },
        { kind: "deployment", deployment: ended(place, "live") },
      ]);
      const gone = { app: "shop", environment: `pr-${place}` };
      await journal.commit([
        { kind: "release", release: aRelease(1, { key: gone }) },
        { kind: "deployment", deployment: ended(100_000 + place, "live", { key: gone }) },
        { kind: "preview", key: gone, preview },
      ]);
    }
    for (const ended of await journal.environments.endedPreviews()) await journal.forget(ended.key, 2);
    await journal.thin(key, keep);
    const all = [await journal.environments.all(), await journal.releases.page(key, { limit: 999 })];
    return [...all, await journal.deployments.page(key, { limit: 999 })].map(({ length }) => length);
  };
  for (let number = 0; number < 6; number += 1) {
    expect(await round(number)).toEqual([1, 11, 20]);
  }
  await journal.close();
  expect(statSync(file).size).toBeLessThan(600_000);
});
