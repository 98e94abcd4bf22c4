import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Clock } from "../../../ports/clock.ts";
import { anEvent, aRelease, ended } from "../../../testing/conformance/journal/samples.ts";
import { openJournal } from "./open.ts";

const clock: Clock = { now: () => 1_000, after: () => () => {} };
const key = { app: "shop", environment: "production" };
/** Of some 250,000 bytes, in `npm test`; FLIPS=20000 by hand, which takes some minutes. */
const flips = Number(process.env.FLIPS ?? 100);
let directory: string;
let file: string;
let whole: Buffer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "fl-flips-"));
  file = join(directory, "journal.db");
  const journal = await openJournal(file, clock);
  const sealed = { version: 1, at: 1, by: "ada", sealed: "k.abc" };
  await journal.commit([{ kind: "variables", key, set: { A: sealed, B: sealed } }]);
  for (let n = 1; n <= 40; n += 1) {
    await journal.commit([
      { kind: "release", release: aRelease(n) },
      { kind: "deployment", deployment: ended(n, "live") },
      { kind: "facts", key, facts: { name: `f${n}`, gatedAt: n, retiredAt: null, retiredBecause: null } },
      anEvent(n, { deployment: `dep_${n}` }),
    ]);
    const id = await journal.steps.begin({ key, deployment: "d", what: "{}", subject: "s", why: "w", begunAt: n });
    await journal.commit([{ kind: "step.ended", id, at: n, fault: null }]);
    await journal.claims.claim(`claim ${n}`, "digest", 1_000);
    await journal.claims.answer(`claim ${n}`, { status: 200, body: "{}" });
  }
  await journal.close();
  whole = readFileSync(file);
});

afterAll(() => rmSync(directory, { recursive: true }));

/** All that a reader can be told. Which id comes next is told to nobody: it only needs to be a new one. */
function content(path: string): string {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
      .all();
    const rows = tables.map(({ name }) => [name, database.prepare(`SELECT * FROM "${name}" ORDER BY 1, 2`).all()]);
    return JSON.stringify(rows);
  } finally {
    database.close();
  }
}

async function openingOf(bytes: Buffer): Promise<string> {
  const place = join(directory, "flipped.db");
  writeFileSync(place, bytes);
  try {
    await (await openJournal(place, clock)).close();
    return content(place);
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
}

test("a bit that was flipped anywhere in the file is noticed at the start, or changes nothing that is read", async () => {
  const before = content(file);
  const step = whole.length / flips;
  for (let n = 0; n < flips; n += 1) {
    const bytes = Buffer.from(whole);
    const at = Math.floor(n * step + ((n * 2_654_435_761) % Math.max(1, Math.floor(step))));
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (n % 8));
    const found = await openingOf(bytes);
    const isNoticed = found === before || /^journal\.(damaged|newer)$/.test(found);
    expect(isNoticed, `bit ${n % 8} of byte ${at}: ${found.slice(0, 40)}`).toBe(true);
  }
});

test("one character of a text, which SQLite's own checks do not see, is a journal that is damaged, and its row is named", async () => {
  const place = join(directory, "text.db");
  copyFileSync(file, place);
  const text = readFileSync(place);
  // What was written over may still are in free space.
  for (let at = -1; content(place) === content(file); ) {
    at = text.indexOf('"createdBy":"ada"', at + 1) + 13;
    text.write("i", at);
    writeFileSync(place, text);
  }
  await expect(openJournal(place, clock)).rejects.toMatchObject({
    code: "journal.damaged",
    detail: expect.stringMatching(
      /row (\S+ )?(dep_|shop\/production )?\S+ of (deployment|release) is not what was written/,
    ),
  });
  expect(readFileSync(place).equals(text)).toBe(true);
});

test("a record that is damaged after the start is a fault of that record alone", async () => {
  const place = join(directory, "later.db");
  copyFileSync(file, place);
  const journal = await openJournal(place, clock);
  const other = new DatabaseSync(place);
  other.exec(`UPDATE release SET record = substr(record, 2) WHERE number = 7`);
  other.close();
  await expect(journal.releases.find(key, 7)).rejects.toMatchObject({ code: "journal.damaged" });
  expect(await journal.releases.find(key, 8)).toMatchObject({ number: 8 });
  await journal.close();
});
