import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { appendFile, open, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runChild } from "./child.ts";
import { OutputFiles } from "./output.ts";

const TB = 1024 ** 4;
const path = process.env.PATH ?? "/usr/bin:/bin";
let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-output-"));
  file = join(directory, "out.log");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** All that is read from `offset` on, with where each piece began; at most a thousand pieces. */
async function readAll(output: OutputFiles, { offset = 0, limit = 1024 * 1024, isOpen = true } = {}) {
  const pieces: { at: number; text: string }[] = [];
  for (let from = offset; pieces.length < 1_000; ) {
    const { at, bytes } = await output.read(file, { offset: from, limit, isOpen });
    if (bytes.length === 0 && at === from) return pieces;
    pieces.push({ at, text: Buffer.from(bytes).toString() });
    from = at + bytes.length;
  }
  throw new Error("it has no end");
}

const wordsOf = (pieces: readonly { text: string }[]) => pieces.map(({ text }) => text.replaceAll("\0", "")).join("");

/** Makes the file longer by a hole for every word, and writes the word behind it. */
async function writeApart(words: readonly string[], hole: number): Promise<void> {
  for (const word of words) {
    const size = (await stat(file).catch(() => ({ size: 0 }))).size;
    await using made = await open(file, "a");
    await made.truncate(size + hole);
    await made.write(word);
  }
}

describe.each([
  ["with the programs of the machine", path],
  ["without any program", "/nowhere"],
])("%s", (_name, searched) => {
  test("a hole of ten terabytes is passed over, and what is written before and behind it is read", async () => {
    const output = new OutputFiles(searched);
    await appendFile(file, "before\n".repeat(1_000));
    await writeApart(["after\n"], 10 * TB);
    const pieces = await readAll(output);
    expect(wordsOf(pieces)).toBe(`${"before\n".repeat(1_000)}after\n`);
    expect(pieces.length).toBeLessThan(10);
    expect(pieces.at(-1)).toEqual({ at: 10 * TB + 7_000, text: "after\n" });
    await appendFile(file, "later\n");
    expect(wordsOf(await readAll(output, { offset: 10 * TB + 7_006 }))).toBe("later\n");
  });

  test("a hole at the end has nothing behind it, and is not looked at twice", async () => {
    const output = new OutputFiles(searched);
    writeFileSync(file, "");
    truncateSync(file, 10 * TB);
    const { at, bytes } = await output.read(file, { offset: 0, limit: 100, isOpen: true });
    expect([at, bytes.length]).toEqual([10 * TB, 0]);
    expect(await readAll(output, { offset: 10 * TB })).toEqual([]);
  });
});

test.each(["perl", "python3"])("of many holes each word between is read, with %s", async (program) => {
  const only = join(directory, "bin");
  mkdirSync(only);
  symlinkSync(`/usr/bin/${program}`, join(only, program));
  const words = Array.from({ length: 60 }, (_, i) => `word ${i}\n`);
  await writeApart(words, TB / 8);
  const pieces = await readAll(new OutputFiles(only));
  expect(wordsOf(pieces)).toBe(words.join(""));
  expect(pieces.length).toBeLessThan(200);
});

test("data behind a hole are read in bites without asking for each where they are", async () => {
  await writeApart(["x".repeat(40_000)], TB);
  const pieces = await readAll(new OutputFiles(path), { limit: 1_000 });
  expect(wordsOf(pieces)).toBe("x".repeat(40_000));
});

test("space that was given back is no hole to be told of", async () => {
  const output = new OutputFiles(path);
  writeFileSync(file, "line\n".repeat(2_000_000));
  await output.release(file, 9_000_000);
  expect(await readAll(output, { offset: 9_999_990 })).toEqual([{ at: 9_999_990, text: "line\nline\n" }]);
});

test("a file that is cut while it is written begins anew; one that nobody writes has lost its end", async () => {
  const output = new OutputFiles(path);
  writeFileSync(file, "first\nsecond\n");
  expect(wordsOf(await readAll(output))).toBe("first\nsecond\n");
  writeFileSync(file, "third\n");
  expect(await readAll(output, { offset: 13 })).toEqual([{ at: 0, text: "third\n" }]);
  writeFileSync(file, "x\n");
  expect(await readAll(output, { offset: 6, isOpen: false })).toEqual([{ at: 0, text: "x\n" }]);
  expect(await readAll(new OutputFiles(path), { offset: 6, isOpen: false })).toEqual([]);
});

test("what is no plain file is not opened: a link leads nowhere, and a pipe is not waited for", async () => {
  const output = new OutputFiles(path);
  writeFileSync(join(directory, "secret"), "canary");
  symlinkSync(join(directory, "secret"), file);
  expect(await readAll(output)).toEqual([]);
  rmSync(file);
  await runChild(["mkfifo", file], { env: { PATH: path } });
  expect(await readAll(output)).toEqual([]);
});
