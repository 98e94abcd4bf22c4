import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runChild, startChild } from "./child.ts";
import { Aside, copyTree, deleteFlat, makeOwn, makeReadable, measureTree, syncTree } from "./tree.ts";
import type { User } from "./users.ts";

const isRoot = process.getuid?.() === 0;
/** Somebody without any rights of root, where that can be tried. */
const mallory: User | null = isRoot ? { uid: 64_001, gid: 64_001 } : null;
const others: User | null = isRoot ? { uid: 64_002, gid: 64_002 } : null;

let root: string;
let told: string[];
let aside: Aside;
const at = (...names: string[]) => join(root, ...names);
const text = (path: string) => readFileSync(path, "utf8");
/** Runs a script in a directory as the user who means harm. */
const asMallory = async (cwd: string, script: string) => {
  const { code, stderr } = await runChild(["/bin/sh", "-ec", script], { env: {}, cwd, ...mallory });
  expect(stderr).toBe("");
  expect(code).toBe(0);
};
/** Fills `D`, and puts a link to the victim in its place as soon as the first of its files is gone. */
const swap = `const fs = require("fs"), names = [0, 999, 1500, 2999].map((i) => "D/f" + i);
process.setgid(${mallory?.gid}); process.setuid(${mallory?.uid});
fs.mkdirSync("D"); for (let i = 0; i < 3000; i += 1) fs.writeFileSync("D/f" + i, "");
process.stdout.write("ready");
const until = Date.now() + 20000;
while (Date.now() < until && names.every((name) => fs.lstatSync(name, { throwIfNoEntry: false }))) {}
try { fs.renameSync("D", "E"); fs.symlinkSync(process.argv[1], "D"); } catch (error) { if (!error.code) throw error; }`;
const remove = async (path: string) => {
  aside.take(path);
  expect(existsSync(path)).toBe(false);
  await aside.idle();
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fairlead-tree-"));
  chmodSync(root, 0o711);
  told = [];
  aside = new Aside({ directory: at("aside"), notify: (words) => told.push(words) });
  makeOwn(at("theirs"), mallory);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("a copy", () => {
  const copy = (access: "own" | "sealed" = "own", as = others) =>
    copyTree({ from: at("theirs"), to: at("copy"), as, access });

  test("has files, links and pipes as they were, and nothing is setuid, whatever its modes", async () => {
    const odd = "o".repeat(254);
    await asMallory(
      at("theirs"),
      `mkdir -p d/e; echo 1 >d/e/${odd}; ln -s /etc/shadow d/l; mkfifo p
       echo x >s; chmod 6755 s; echo k >k; chmod 000 k d/e`,
    );
    await makeReadable(at("theirs"), mallory);
    await copy();
    expect(text(at("copy/d/e", odd))).toBe("1\n");
    expect(readlinkSync(at("copy/d/l"))).toBe("/etc/shadow");
    expect(lstatSync(at("copy/p")).isFIFO()).toBe(true);
    expect(statSync(at("copy/s")).mode & 0o7777).toBe(0o700);
    expect(statSync(at("copy/k")).mode & 0o7777).toBe(0o600);
    if (others) for (const name of ["", "d", "s"]) expect(lstatSync(at("copy", name)).uid).toBe(others.uid);
  });

  test("that is sealed can be read by all and changed by nobody", async () => {
    await asMallory(at("theirs"), "umask 0; mkdir d; echo 1 >d/a; echo 2 >x; chmod 777 x");
    await makeReadable(at("theirs"), mallory);
    await copy("sealed");
    for (const name of ["d", "d/a", "x"]) expect(statSync(at("copy", name)).mode & 0o222).toBe(0);
    expect(statSync(at("copy/x")).mode & 0o555).toBe(0o555);
    expect(statSync(at("copy")).mode & 0o777).toBe(0o755);
  });

  test("of a file with a hole of 10 TB takes no room and no time", async () => {
    await asMallory(at("theirs"), ": >sparse");
    truncateSync(at("theirs/sparse"), 10 * 1024 ** 4);
    await makeReadable(at("theirs"), mallory);
    await copy();
    expect(statSync(at("copy/sparse"))).toMatchObject({ size: 10 * 1024 ** 4, blocks: 0 });
    expect(await measureTree(at("copy"))).toBeLessThan(100_000);
  });

  test("begins at the directory itself: not at what a link leads to", async () => {
    symlinkSync("/etc", at("link"));
    await expect(copyTree({ from: at("link"), to: at("x"), as: others, access: "own" })).rejects.toThrow("ENOTDIR");
    symlinkSync(at("theirs"), at("y"));
    await expect(copyTree({ from: at("theirs"), to: at("y"), as: others, access: "own" })).rejects.toThrow("EEXIST");
  });

  test.runIf(isRoot)("of a tree with another name of somebody else's file has what its user may read", async () => {
    writeFileSync(at("public"), "1");
    writeFileSync(at("secret"), "2", { mode: 0o600 });
    linkSync(at("public"), at("theirs/public"));
    await makeReadable(at("theirs"), mallory);
    await copy();
    expect(text(at("copy/public"))).toBe("1");
    expect(lstatSync(at("public")).mode & 0o777).toBe(0o644);
    linkSync(at("secret"), at("theirs/secret"));
    await makeReadable(at("theirs"), mallory);
    await expect(copyTree({ from: at("theirs"), to: at("z"), as: others, access: "own" })).rejects.toThrow("cp");
    expect(lstatSync(at("secret")).mode & 0o777).toBe(0o600);
  });

  test.runIf(isRoot)("is made where its user cannot go, and cannot be made of what its user may not read", async () => {
    await asMallory(at("theirs"), "echo 1 >a; chmod 700 .");
    chmodSync(root, 0o700);
    await copy("own", mallory);
    expect(text(at("copy/a"))).toBe("1\n");
    await expect(copyTree({ from: at("theirs"), to: at("z"), as: others, access: "own" })).rejects.toMatchObject({
      code: "operation.failed",
    });
  });
});

describe("what is deleted", () => {
  test.each([
    [
      "directories that nobody may enter",
      "mkdir -p a/b/c; echo 1 >a/b/c/f; chmod 000 a/b/c; chmod 000 a/b a; chmod 000 .",
    ],
    ["odd names", "touch -- '-rf' '*' 'a b' \"$(printf '\\001\\n\\033')\"; mkdir -- '-delete'"],
    ["pipes", "mkfifo a b"],
  ])("is gone: %s", async (_, script) => {
    await asMallory(at("theirs"), script);
    await remove(at("theirs"));
    expect(readdirSync(at("aside"))).toEqual([]);
    expect(told).toEqual([]);
  });

  test("is gone: directories in each other whose path is longer than any that can be named", async () => {
    const nest = `const name = "d".repeat(200), fs = require("fs"), [uid] = process.argv.slice(1).map(Number);
      if (uid) { process.setgid(uid); process.setuid(uid); }
      for (let i = 0; i < 60; i += 1) { fs.mkdirSync(name); process.chdir(name); }`;
    const command = [process.execPath, "-e", nest, String(mallory?.uid ?? 0)] as const;
    expect(await runChild(command, { env: {}, cwd: at("theirs") })).toMatchObject({ code: 0, stderr: "" });
    await remove(at("theirs"));
    expect([readdirSync(at("aside")), told]).toEqual([[], []]);
  });

  test("is no file that a link, or another name, of the tree leads to", async () => {
    mkdirSync(at("victim"));
    writeFileSync(at("victim/file"), "1");
    const before = statSync(at("victim/file")).mode;
    symlinkSync(at("victim"), at("theirs/l"));
    linkSync(at("victim/file"), at("theirs/hard"));
    makeOwn(at("theirs/locked"), mallory, 0o000);
    await remove(at("theirs"));
    expect(text(at("victim/file"))).toBe("1");
    expect(statSync(at("victim/file")).mode).toBe(before);
    symlinkSync(at("victim"), at("theirs"));
    await remove(at("theirs"));
    expect(readdirSync(at("victim"))).toEqual(["file"]);
  });

  test("is a directory of this process with those of others in it", async () => {
    mkdirSync(at("mixed/mine/deeper"), { recursive: true });
    writeFileSync(at("mixed/mine/file"), "");
    makeOwn(at("mixed/mine/deeper/own"), mallory);
    makeOwn(at("mixed/other"), others);
    writeFileSync(at("mixed/other/file"), "");
    await remove(at("mixed"));
    expect([readdirSync(at("aside")), told]).toEqual([[], []]);
  });

  test("nothing is nothing to do", async () => {
    await remove(at("nothing"));
    await remove(at("nothing/deeper"));
    expect(told).toEqual([]);
  });

  test.runIf(isRoot)("by root is never what a user swaps in for a directory while it is emptied", async () => {
    makeOwn(at("victim"), null);
    for (let i = 0; i < 3_000; i += 1) writeFileSync(at("victim", `f${i}`), "");
    makeOwn(at("race"), mallory);
    const attack = startChild([process.execPath, "-e", swap, at("victim")], {
      env: {},
      cwd: at("race"),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => attack.once("exit", resolve));
    await new Promise((resolve) => attack.stdout?.once("data", resolve));
    await remove(at("race"));
    await ended;
    expect(readdirSync(at("victim"))).toHaveLength(3_000);
    aside.sweep();
    await aside.idle();
    expect(readdirSync(at("aside"))).toEqual([]);
  });

  test.runIf(isRoot)("stays when its owner cannot delete it, is told once, and goes later", async () => {
    mkdirSync(at("theirs/of-root"));
    writeFileSync(at("theirs/of-root/file"), "");
    writeFileSync(at("next"), "");
    await remove(at("theirs"));
    aside.sweep();
    aside.take(at("next"));
    await aside.idle();
    expect(told).toEqual([expect.stringContaining("is unused and cannot be deleted now")]);
    const [left] = readdirSync(at("aside"));
    rmSync(at("aside", left ?? "", "of-root"), { recursive: true });
    const later = new Aside({ directory: at("aside"), notify: (words) => told.push(words) });
    later.sweep();
    await later.idle();
    expect(readdirSync(at("aside"))).toEqual([]);
  });
});

test("a tree is synced, and one that is not there is a fault", async () => {
  await syncTree(at("theirs"));
  await expect(syncTree(at("nothing"))).rejects.toMatchObject({ code: "operation.failed" });
});

test("a flat directory is deleted with its files, and one with a directory in it is refused", () => {
  mkdirSync(at("flat"));
  writeFileSync(at("flat/a"), "");
  symlinkSync("/etc", at("flat/l"));
  deleteFlat(at("flat"));
  deleteFlat(at("flat"));
  expect(existsSync(at("flat"))).toBe(false);
  mkdirSync(at("deep/d"), { recursive: true });
  expect(() => deleteFlat(at("deep"))).toThrow();
  expect(existsSync(at("deep/d"))).toBe(true);
});
