import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { childOutput } from "../host/child.ts";
import { branchOf, commitOf } from "./branch.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "fairlead-branch-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes a file of the repository as Git does. */
function write(file: string, text: string): string {
  const full = path.join(root, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, `${text}\n`);
  return path.dirname(full);
}

test("the branch that is checked out, there and below", () => {
  write(".git/HEAD", "ref: refs/heads/feature/cart-2.x");
  expect(branchOf(root)).toBe("feature/cart-2.x");
  expect(branchOf(path.join(root, "apps/shop"))).toBe("feature/cart-2.x");
});

test("the branch of a worktree or submodule, which points to its repository", () => {
  write(".git/HEAD", "ref: refs/heads/main");
  write(".git/worktrees/fix/HEAD", "ref: refs/heads/fix");
  expect(branchOf(write("apps/fix/.git", "gitdir: ../../.git/worktrees/fix"))).toBe("fix");
  expect(branchOf(write("apps/other/.git", `gitdir: ${root}/.git/worktrees/fix`))).toBe("fix");
});

test("none where a commit is checked out, where there is no repository, or something else in its place", () => {
  expect(branchOf(root)).toBeNull();
  write(".git/HEAD", "5d1c3a0f1f0f6f7a2e4f5a6b7c8d9e0f1a2b3c4d");
  expect(branchOf(root)).toBeNull();
  rmSync(path.join(root, ".git"), { recursive: true });
  write(".git", "hello");
  expect(branchOf(root)).toBeNull();
});

test("the commit that is checked out, and whether the directory differs from it", () => {
  const git = (...words: string[]) => {
    const person = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"];
    const output = childOutput(["git", ...person, ...words], {
      cwd: root,
      env: {},
      limit: 1_000_000,
      withinMs: 30_000,
    });
    return output?.trim() ?? expect.fail(words.join(" "));
  };
  expect(commitOf(root)).toBeNull();
  git("init");
  expect(commitOf(root)).toBeNull();
  const below = write("shop/a.js", "1");
  const beside = write("docs/b", "1");
  write(".gitignore", "left/");
  git("add", ".");
  git("commit", "-m", "first");
  const id = git("rev-parse", "HEAD");
  write("shop/left/out", "x");
  expect(commitOf(below)).toEqual({ id, dirty: false });
  write("docs/b", "2");
  expect([commitOf(below), commitOf(beside)]).toEqual([
    { id, dirty: false },
    { id, dirty: true },
  ]);
  write("shop/new.js", "1");
  expect(commitOf(below)).toEqual({ id, dirty: true });
});

test("no program is run that a repository names", () => {
  const ran = path.join(root, "ran");
  const git = (...words: string[]) =>
    childOutput(["git", ...words], { cwd: root, env: {}, limit: 10_000, withinMs: 30_000 }) ??
    expect.fail(words.join());
  git("init");
  write("a", "1");
  write("b", "1");
  write(".gitattributes", "a filter=evil\nb filter=e.v=il");
  git("add", ".");
  git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "first");
  for (const setting of ["core.fsmonitor", "filter.evil.clean", "filter.evil.process", "core.sshCommand"])
    git("config", setting, `touch ${ran}; cat`);
  git("config", "filter.evil.required", "true");
  write("a", "2");
  expect(commitOf(root)).toMatchObject({ dirty: true });
  expect(existsSync(ran)).toBe(false);
  write("more", `[filter "e.v=il"]\n\tclean = touch ${ran}\n`);
  git("config", "include.path", path.join(root, "more"));
  write("b", "2");
  expect(commitOf(root)).toBeNull();
  expect(existsSync(ran)).toBe(false);
});

test("no commit of a repository of somebody else", ({ skip }) => {
  if (process.getuid?.() !== 0) skip("needs root");
  childOutput(["git", "init"], { cwd: root, env: {}, limit: 10_000, withinMs: 30_000 });
  write("a", "1");
  const person = ["-c", "user.name=a", "-c", "user.email=a@b"];
  childOutput(["git", "add", "."], { cwd: root, env: {}, limit: 10_000, withinMs: 30_000 });
  childOutput(["git", ...person, "commit", "-m", "first"], { cwd: root, env: {}, limit: 10_000, withinMs: 30_000 });
  expect(commitOf(root)).not.toBeNull();
  childOutput(["chown", "-R", "65534", root], { cwd: "/", env: {}, limit: 1_000, withinMs: 30_000 });
  expect(commitOf(root)).toBeNull();
});
