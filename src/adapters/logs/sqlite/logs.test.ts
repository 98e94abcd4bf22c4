import {
  mkdirSync,
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
import { afterEach, beforeEach, expect, test } from "vitest";
import { runChild } from "../../../host/child.ts";
import type { Clock } from "../../../ports/clock.ts";
import { aLine } from "../../../testing/conformance/logs.ts";
import { openLogs } from "./open.ts";

const key = { app: "shop", environment: "production" };
const origin = { name: "web-0", stream: "stdout" } as const;
const clock: Clock = { now: () => 0, after: () => () => {} };
let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-logs-"));
  file = join(directory, "logs.db");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** `count` lines as programs write them, from `from` on; no two are alike. */
function lines(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const unlike = Math.imul(n, 0x9e3779b1) >>> 0;
    return aLine(`2026-01-01T00:00:00Z INFO GET /items/${unlike % 5_000} status=200 ms=${unlike % 900} id=${unlike}`, {
      at: n,
    });
  });
}

test("the files are for their owner alone", async () => {
  const store = await openLogs(file, clock);
  await store.append({ key, origin, lines: lines(0, 10), offset: 1 });
  await store.position(origin);
  const names = readdirSync(directory);
  expect(names.length).toBeGreaterThan(1);
  for (const name of names) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  await store.close();
});

test("lines take at most 0.6 of their bytes, and a chunk that fills up is rewritten in its place", async () => {
  let store = await openLogs(file, clock);
  let raw = 0;
  for (let from = 0; from < 20_000; from += 37) {
    const batch = lines(from, 37);
    for (const line of batch) raw += line.message.length + 1;
    await store.append({ key, origin, lines: batch, offset: from });
    if (from % 370 === 0) await store.position(origin); // writes what waits
    if (from % 3_700 !== 0) continue;
    await store.close();
    store = await openLogs(file, clock);
  }
  await store.close();
  expect(statSync(file).size).toBeLessThan(0.6 * raw);
  const database = new DatabaseSync(file, { readOnly: true });
  const { chunks, total } = database.prepare("SELECT count(*) AS chunks, sum(count) AS total FROM chunk").get() ?? {};
  database.close();
  expect(Number(chunks)).toBe(Math.ceil(Number(total) / 200));
});

test("the bytes of an environment are known without counting, and the file shrinks by cap", async () => {
  const store = await openLogs(file, clock);
  for (let from = 0; from < 40_000; from += 1_000)
    await store.append({ key, origin, lines: lines(from, 1_000), offset: from });
  const before = await size();
  expect(before.booked).toBe(before.counted);
  await store.cap(100_000);
  const after = await size();
  expect(after.booked).toBe(after.counted);
  expect(after.booked).toBeLessThanOrEqual(100_000);
  expect(after.file).toBeLessThan(before.file / 4);
  expect(after.file).toBeLessThan(2 * 100_000);
  expect((await store.tail({ key }, 1)).lines).toHaveLength(1);
  await store.close();

  async function size() {
    await store.position(origin);
    const database = new DatabaseSync(file, { readOnly: true });
    const booked = database.prepare("SELECT sum(bytes) AS sum FROM environment").get()?.sum;
    const counted = database.prepare("SELECT sum(bytes) AS sum FROM chunk").get()?.sum;
    const pages = database.prepare("PRAGMA page_count").get()?.page_count;
    database.close();
    return { booked: Number(booked), counted: Number(counted), file: Number(pages) * 4096 };
  }
});

test("a search reads the places of chunks from the index alone", async () => {
  await (await openLogs(file, clock)).close();
  const database = new DatabaseSync(file, { readOnly: true });
  const cases = [
    "SELECT first, last, data FROM chunk WHERE lane = 1 AND last > 0 AND first < 9 AND levels & 1 <> 0 ORDER BY first DESC",
    "SELECT max(first) AS first FROM chunk WHERE lane = 1 AND first <= 5",
    "SELECT id, bytes FROM chunk WHERE environment = 1 ORDER BY first LIMIT 9",
  ];
  for (const sql of cases) {
    const plan = database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row.detail));
    expect([sql, plan.filter((step) => !/^SEARCH .* USING (COVERING )?INDEX/.test(step))]).toEqual([sql, []]);
  }
  database.close();
});

test("a write that fails loses nothing: the lines are written later", async () => {
  const store = await openLogs(file, clock);
  await store.append({ key, origin, lines: lines(0, 300), offset: 300 });
  const blocker = new DatabaseSync(file);
  blocker.exec("BEGIN IMMEDIATE");
  await expect(store.position(origin)).rejects.toThrow();
  blocker.close();
  expect(await store.position(origin)).toBe(300);
  expect((await store.tail({ key }, 1_000)).lines).toHaveLength(300);
  await store.close();
});

/** A file system of 2 MB of its own; null where this user may not mount one. */
async function smallDisk(): Promise<{ readonly at: string; readonly leave: () => Promise<unknown> } | null> {
  const at = join(directory, "small");
  mkdirSync(at);
  const run = (...command: [string, ...string[]]) => runChild(command, { env: { PATH: process.env.PATH ?? "" } });
  const { code } = await run("mount", "-t", "tmpfs", "-o", "size=2m", "small", at);
  return code === 0 ? { at, leave: () => run("umount", "--lazy", at) } : null;
}

test("on a full disk lines wait or are refused, what is there can be read, and all goes on when there is room", async ({
  skip,
}) => {
  const disk = await smallDisk();
  if (disk === null) return skip("this user may not mount a file system");
  try {
    const store = await openLogs(join(disk.at, "logs.db"), clock);
    await store.append({ key, origin, lines: lines(0, 300), offset: 300 });
    await store.position(origin);
    const filler = join(disk.at, "filler");
    expect(() => writeFileSync(filler, Buffer.alloc(4 * 1024 * 1024))).toThrow("ENOSPC");
    let taken = 300;
    const more = () => store.append({ key, origin, lines: lines(taken, 1_000), offset: taken + 1_000 });
    const first = { key: { ...key, app: "new" }, origin: { ...origin, name: "new-0" }, lines: lines(0, 1), offset: 1 };
    await expect(
      store
        .position(origin)
        .then(more)
        .then(() => store.position(origin)),
    ).rejects.toThrow();
    taken += 1_000;
    expect(store.trouble()).toMatchObject({ fault: { code: "disk.full" } });
    for (let isFull = false; !isFull; ) {
      await more().then(
        () => (taken += 1_000),
        () => (isFull = true),
      );
      expect(taken).toBeLessThan(100_000); // memory has a limit
    }
    await expect(store.append(first)).rejects.toMatchObject({ errcode: 13 });
    expect((await store.tail({ key }, 5)).lines.map(({ at }) => at)).toEqual([295, 296, 297, 298, 299]);
    rmSync(filler);
    await more().then(() => (taken += 1_000));
    expect(await store.position(origin)).toBe(taken);
    expect(store.trouble()).toBeNull();
    const kept = (await store.tail({ key }, 200_000)).lines;
    expect(kept.map(({ at }) => at)).toEqual(Array.from({ length: taken }, (_, i) => i));
    await store.close();
  } finally {
    await disk.leave();
  }
});

test("lines without a character are not free: they are written before they fill the memory", async () => {
  const store = await openLogs(file, clock);
  const empty = Array.from({ length: 10_000 }, () => aLine(""));
  for (let turn = 1; turn <= 10; turn += 1) await store.append({ key, origin, lines: empty, offset: turn });
  const database = new DatabaseSync(file, { readOnly: true });
  expect(Number(database.prepare("SELECT sum(count) AS sum FROM chunk").get()?.sum)).toBeGreaterThan(40_000);
  database.close();
  await store.close();
});

const spoil: readonly [string, string, () => void][] = [
  ["a newer store", "journal.newer", () => alter("PRAGMA user_version = 99")],
  ["another program's database", "journal.damaged", () => alter("PRAGMA user_version = 0")],
  ["a file that is no database", "journal.damaged", () => writeFileSync(file, "text ".repeat(2_000))],
  ["a file cut short", "journal.damaged", () => truncateSync(file, 4_096)],
];
test.each(spoil)("refuses %s and leaves it as it is", async (_name, code, spoilIt) => {
  const store = await openLogs(file, clock);
  await store.append({ key, origin, lines: lines(0, 1_000), offset: 1 });
  await store.close();
  spoilIt();
  const before = readFileSync(file);
  await expect(openLogs(file, clock)).rejects.toMatchObject({ code });
  expect(readFileSync(file).equals(before)).toBe(true);
});

function alter(sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}
