import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { branchOf } from "./branch.ts";

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
