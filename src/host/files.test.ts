import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyFileSynced, makeDirectory, openLog, readText, replaceFile, replaceFileSync } from "./files.ts";

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

test("a small file and a copy are replaced as a whole, with the mode that is asked for, over what was cut off before", async () => {
  const [path, copy] = [join(directory, "kept"), join(directory, "copy")];
  await writeFile(copy, "");
  await writeFile(`${path}.new`, "left half");
  replaceFileSync(path, "one");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  replaceFileSync(path, "two", 0o644);
  copyFileSynced(path, copy, 0o755);
  expect([await readText(path), await readText(copy)]).toEqual(["two", "two"]);
  expect((await stat(copy)).mode & 0o777).toBe(0o755);
  expect((await readdir(directory)).sort()).toEqual(["copy", "kept"]);
});

test("a directory is made with those above it, and is there already the second time", async () => {
  const path = join(directory, "a/b/c");
  await makeDirectory(path);
  await makeDirectory(path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
});
