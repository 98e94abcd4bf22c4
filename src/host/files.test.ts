import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLog, readText, replaceFile } from "./files.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fairlead-files-"));
});

afterEach(() => rm(directory, { recursive: true }));

test("a file is replaced as a whole, for its owner alone, and nothing is left beside it", async () => {
  const path = join(directory, "note");
  expect(await readText(path)).toBeNull();
  for (const text of ["one", "two"]) {
    await replaceFile(path, text);
    expect(await readText(path)).toBe(text);
  }
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(directory)).toEqual(["note"]);
});

test("a log is gone on with, and put aside when it has grown over 10 MiB", async () => {
  const path = join(directory, "log");
  await writeFile(path, "a".repeat(10 * 1024 * 1024));
  for (const words of ["b", "c"]) {
    await using log = await openLog(path);
    await log.writeFile(words);
  }
  expect(await readFile(path, "utf8")).toBe("c");
  expect(await readFile(`${path}.1`, "utf8")).toMatch(/^a+b$/);
});
