import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { routeTable } from "../../../model/route.ts";
import { TableStore } from "./table-store.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fl-tables-"));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

test("tables are there again after a restart, without those that were removed", async () => {
  const store = new TableStore(directory);
  await store.load();
  const [first, second] = [routeTable("a/production", []), routeTable("b/production", [])];
  for (const table of [first, second, routeTable("c/x", [])]) await store.save(table);
  await store.remove("c/x");
  expect(await new TableStore(directory).load()).toEqual({ tables: [first, second], damaged: [] });
});

test("a damaged table is set aside and named, and the others load", async () => {
  const store = new TableStore(directory);
  await store.load();
  const good = routeTable("good/x", []);
  await store.save(good);
  await writeFile(join(directory, "cut.json"), '{"owner":"cut/x","ver');
  await writeFile(join(directory, "odd.json"), '{"owner":"odd/x","version":"1","routes":[{}]}');
  const { tables, damaged } = await store.load();
  expect(tables).toEqual([good]);
  expect(damaged.map(({ file }) => file)).toEqual([
    expect.stringContaining("cut.json.damaged-"),
    expect.stringContaining("odd.json.damaged-"),
  ]);
  expect((await readdir(directory)).sort()).toEqual(
    ["cut", "good", "odd"].map((name) => expect.stringContaining(name)),
  );
  expect((await store.load()).damaged).toEqual([]);
});

test("what cannot be read now is not taken for damaged", async () => {
  const store = new TableStore(directory);
  await mkdir(join(directory, "shop.json"));
  await expect(store.load()).rejects.toMatchObject({ code: "EISDIR" });
  expect(await readdir(directory)).toEqual(["shop.json"]);
});
