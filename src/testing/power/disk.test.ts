import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Disk, type Luck } from "./disk.ts";
import { type FileCall, readTrace } from "./trace.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fairlead-disk-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const none: Luck = { name: () => false, content: () => 0 };
const names: Luck = { name: () => true, content: () => 0 };
const all: Luck = { name: () => true, content: () => 1 };

/** What is left of these calls, by path; directories end with a slash. */
function leftOf(calls: readonly FileCall[], luck: Luck, cut = calls.length): Record<string, string> {
  const to = join(root, "left");
  new Disk("/s", calls).writeOut(cut, luck, { to, like: "/nowhere" });
  const found = readdirSync(to, { recursive: true, withFileTypes: true });
  const entries = found.map((one): [string, string] => {
    const path = join(one.parentPath, one.name);
    return one.isDirectory()
      ? [`${path.slice(to.length + 1)}/`, ""]
      : [path.slice(to.length + 1), readFileSync(path, "utf8")];
  });
  rmSync(to, { recursive: true });
  return Object.fromEntries(entries);
}

const make = (path: string): FileCall => ({ kind: "make", path, what: "file" });
const directory = (path: string): FileCall => ({ kind: "make", path, what: "directory" });
const write = (path: string, text: string, offset: number | null = null): FileCall => ({
  kind: "write",
  path,
  offset,
  bytes: Buffer.from(text),
});
const sync = (path: string | null, since: number): FileCall => ({ kind: "sync", path, since });
const rename = (from: string, path: string): FileCall => ({ kind: "rename", from, path });

test("what was not synced is lost: content and name each by itself", () => {
  const calls = [make("/s/a"), write("/s/a", "1")];
  expect(leftOf(calls, none)).toEqual({});
  expect(leftOf(calls, names)).toEqual({ a: "" });
  expect(leftOf(calls, all)).toEqual({ a: "1" });
  expect(leftOf([...calls, sync("/s/a", 2)], names)).toEqual({ a: "1" });
  expect(leftOf([...calls, sync("/s/a", 2)], none)).toEqual({});
  expect(leftOf([...calls, sync("/s", 2)], none)).toEqual({ a: "" });
  expect(leftOf([...calls, sync(null, 2)], none)).toEqual({ a: "1" });
});

test("a sync covers what had come back when it was begun", () => {
  const calls = [make("/s/a"), write("/s/a", "1"), write("/s/a", "2"), sync("/s/a", 2), sync("/s", 4)];
  expect(leftOf(calls, none)).toEqual({ a: "1" });
});

test("a file that is replaced is the old one or the new one, when it was synced before", () => {
  const old = [make("/s/a"), write("/s/a", "old"), sync(null, 2)];
  const next = [make("/s/b"), write("/s/b", "new"), sync("/s/b", 5), rename("/s/b", "/s/a")];
  expect(leftOf([...old, ...next], none)).toEqual({ a: "old" });
  expect(leftOf([...old, ...next], names)).toEqual({ a: "new" });
  expect(leftOf([...old, ...next, sync("/s", 7)], none)).toEqual({ a: "new" });
  const unsynced = next.filter(({ kind }) => kind !== "sync");
  expect(leftOf([...old, ...unsynced], names)).toEqual({ a: "" });
});

test("a tree is moved with all that is in it, and a write is torn at a sector", () => {
  const calls = [
    directory("/s/d"),
    make("/s/d/f"),
    write("/s/d/f", "x".repeat(1_200)),
    sync("/s", 3),
    rename("/s/d", "/s/e"),
  ];
  expect(leftOf(calls, all)).toEqual({ "e/": "", "e/f": "x".repeat(1_200) });
  expect(leftOf(calls, none)).toEqual({ "d/": "" });
  const torn = leftOf(calls, { name: () => true, content: () => 0.5 });
  expect(torn).toEqual({ "e/": "", "e/f": "x".repeat(512) });
});

test("a trace is read with descriptors, directories of processes, calls that take turns, and none that failed", () => {
  const hex = (text: string) =>
    [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  const lines = [
    `7 1.5 mkdir("${hex("/s/d")}", 0755) = 0`,
    `7 1.6 mkdir("${hex("/s/d")}", 0755) = -1 EEXIST (File exists)`,
    `8 1.7 dup2(21<${hex("/s/d")}>, 4<${hex("/x")}>) = 4<${hex("/s/d")}>`,
    `8 1.8 openat(AT_FDCWD<${hex("/s")}>, "${hex("/proc/self/fd/4/./f")}", O_WRONLY|O_CREAT, 0600) = 5<${hex("/s/d/f")}>`,
    `8 1.9 pwrite64(5<${hex("/s/d/f")}>, "${hex("12, 3")}", 5, 7 <unfinished ...>`,
    `7 2.0 fsync(9<${hex("/s/d/f")}>) = 0`,
    "8 2.1 <... pwrite64 resumed>) = 5",
    `8 2.2 chdir("${hex("d")}") = 0`,
    `8 2.3 unlink("${hex("f")}") = 0`,
    "8 2.31 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, exit_signal=0} => {parent_tid=[9]}, 88) = 9",
    `9 2.32 mkdir("${hex("t")}", 0700) = 0`,
    `7 2.4 write(1<${hex("pipe:[1]")}>, "${hex("x")}", 1) = 1`,
  ];
  expect(readTrace(lines.join("\n"), "/s")).toEqual({
    calls: [
      directory("/s/d"),
      make("/s/d/f"),
      sync("/s/d/f", 2),
      write("/s/d/f", "12, 3", 7),
      { kind: "remove", path: "/s/d/f" },
      directory("/s/d/t"),
    ],
    times: [1_500, 1_800, 2_000, 2_100, 2_300, 2_320],
  });
});
