import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { Fault, isErrno } from "../base/faults.ts";
import { runChild } from "./child.ts";
import type { User } from "./users.ts";

/*
 * The one way to copy, delete, measure and sync trees of directories. A tree may belong to another user, who changes it
 * meanwhile and means harm: nothing here follows a path into it with more rights than that user has. Programs do the
 * work as the user, begin at a directory that was opened without following a link, and have a time limit.
 */

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
/** A tree of 300,000 files, or of 2 GB, takes less than a third of it on a slow disk. */
const copyLimitMs = 300_000;
/** One try at deleting one tree; 40,000 nested directories take 5 s. What is left is retried later. */
const deleteLimitMs = 60_000;
const lookLimitMs = 60_000;
/** syncfs(2) waits for everything that is written on the file system, not only for the tree. */
const syncLimitMs = 120_000;

/** How a program runs. `cwd` may be closed to the user, since it is entered before the rights are given up. */
interface Work {
  readonly as: User | null;
  readonly cwd?: string;
  readonly files?: readonly number[];
  readonly withinMs: number;
}

/** Why a program failed, or null. */
async function failureOf(command: readonly [string, ...string[]], work: Work): Promise<string | null> {
  const { as, ...options } = work;
  const { code, stderr } = await runChild(command, { ...options, ...(as ?? {}), env: {}, limit: 500 });
  if (code === 0) return null;
  const why =
    stderr.trim().split("\n")[0] || (code === null ? "was stopped because it took too long" : `ended with ${code}`);
  return `${command[0]}: ${JSON.stringify(why.slice(0, 200))}`;
}

async function done(command: readonly [string, ...string[]], work: Work): Promise<void> {
  const failure = await failureOf(command, work);
  if (failure !== null) throw new Fault("operation.failed", failure);
}

/** Whom a directory belongs to, where only this process may write; null: to this process, or to nobody whose rights it can take. */
export function fileOwner(path: string): User | null {
  const { uid, gid } = fs.lstatSync(path);
  return isRoot() && uid !== 0 ? { uid, gid } : null;
}

/** A directory whose descriptor is number `at` in a child: also where the way to it is closed to the child's user. */
function placeOf(path: string, at: number): string {
  return process.platform === "linux" ? `/proc/self/fd/${at}/.` : `${path}/.`;
}

function openDirectory(path: string): Promise<FileHandle> {
  return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/** Makes a directory that belongs to a user; null: to this process. Only this process may write where it lies. */
export function makeOwn(path: string, as: User | null, mode = 0o700): void {
  fs.mkdirSync(path, { mode });
  const directory = fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    fs.fchmodSync(directory, mode);
    if (as) fs.fchownSync(directory, as.uid, as.gid);
  } finally {
    fs.closeSync(directory);
  }
}

/** Gives away what is open, a pipe or a terminal; null: it stays this process's. */
export function giveFile(descriptor: number, as: User | null): void {
  if (as) fs.fchownSync(descriptor, as.uid, as.gid);
}

/** Makes a file that belongs to a user and that nobody else may read; null: to this process. It is on disk when this returns. As above. */
export function writeOwn(path: string, bytes: Uint8Array, as: User | null): void {
  const file = fs.openSync(
    path,
    fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | O_NOFOLLOW,
    0o600,
  );
  try {
    fs.writeFileSync(file, bytes);
    if (as) fs.fchownSync(file, as.uid, as.gid);
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** `own`: its owner may change it, and nobody else sees it. `sealed`: everybody may read it, and nobody may change it. */
export type Access = "own" | "sealed";

const modes: Readonly<Record<Access, string>> = { own: "u+rwX,go=,ug-s", sealed: "a+rX,a-w,ug-s" };

interface Below {
  readonly from: string;
  /** Its files become files of the copy as well: both must be sealed, and of one owner and file system. */
  readonly shared: boolean;
}

export interface Copy {
  readonly from: string;
  /** Paths in it, when not all of it is copied: files, and directories with what is in them. Only on Linux. */
  readonly only?: readonly string[];
  /** A tree that is copied first: `from` replaces what both have. Absent: none. */
  readonly below?: Below;
  /** Is made, and must not exist yet. Only this process may write where it lies. */
  readonly to: string;
  /** Who reads and writes, and whom the copy belongs to; null: this process. */
  readonly as: User | null;
  readonly access: Access;
}

/**
 * Copies what is in a directory. Links are copied as links, a hole as a hole, and no copy is setuid. The user must be
 * able to read `from`, yet needs no way to it. Faults: `operation.failed` when it takes over five minutes or cannot be
 * copied as it is; what is there of `to` then stays.
 */
export async function copyTree({ from, only, below, to, as, access }: Copy): Promise<void> {
  makeOwn(to, as);
  await using target = await openDirectory(to);
  const work = { as, cwd: "/", files: [target.fd, target.fd], withinMs: copyLimitMs };
  if (below !== undefined) {
    await copyInto(below.from, { to, as, target, only: null, options: below.shared ? "-RPpl" : "-RPp" });
    await done(["/usr/bin/find", placeOf(to, 4), "-type", "d", "-exec", "/bin/chmod", "u+w", "{}", "+"], work);
  }
  await copyInto(from, { to, as, target, only: only ?? null, options: below === undefined ? "-RPp" : replacing });
  // The directory itself stays writable until the end: only then may its owner move it (rename(2), EACCES).
  await done(["/bin/chmod", "-R", modes[access], placeOf(to, 4)], work);
  if (access === "sealed") await target.chmod(0o755);
}

/** What is there is removed before anything is written: never through a link, nor into a file that is shared. */
const replacing = process.platform === "linux" ? "-RPp --remove-destination" : "-RPpf";

interface Into extends Pick<Copy, "to" | "as"> {
  readonly only: readonly string[] | null;
  readonly target: FileHandle;
  readonly options: string;
}

async function copyInto(from: string, { to, as, target, only, options }: Into): Promise<void> {
  await using source = await openDirectory(from);
  const work = { as, cwd: only ? from : "/", files: [source.fd, target.fd], withinMs: copyLimitMs };
  const paths = only ? ["--parents", "--", ...only] : [placeOf(from, 3)];
  await done(["/bin/cp", ...options.split(" "), ...paths, placeOf(to, 4)], work);
}

/** Makes a user's tree readable, as far as the user owns its modes; copying it finds the rest. */
export async function makeReadable(path: string, as: User | null): Promise<void> {
  await using top = await openDirectory(path);
  await top.chmod(0o755);
  const work = { as, cwd: "/", files: [top.fd], withinMs: lookLimitMs };
  await failureOf(["/bin/chmod", "-R", "a+rX,go-w", placeOf(path, 3)], work);
}

/**
 * When this returns, all of a tree lasts through a loss of power, and so does everything else on its file system: one
 * call for all (syncfs(2)) takes a tenth of the time that a call for each of 5,000 files does.
 * Faults: `operation.failed`.
 */
export async function syncTree(path: string): Promise<void> {
  const command: [string, ...string[]] = process.platform === "linux" ? ["/bin/sync", "-f", path] : ["/bin/sync"];
  await done(command, { as: null, cwd: "/", withinMs: syncLimitMs });
}

/** Bytes that a tree takes on the disk; null: counting takes over a minute. Only for trees that nobody else may change. */
export async function measureTree(path: string): Promise<number | null> {
  const { code, stdout } = await runChild(["/usr/bin/du", "-sk", path], { env: {}, withinMs: lookLimitMs });
  return code === null ? null : Number.parseInt(stdout, 10) * 1024 || 0;
}

/** A tree of 500,000 files has a list of about 50 MB. */
const listLimit = 100 * 1024 * 1024;

/**
 * A digest of what a tree consists of: names, kinds, modes, targets of links, sizes of files, and when they were
 * written. No file is read: 20,000 files take about 0.1 s. Null: this system's find(1) cannot list that, or not within a
 * minute. Only for trees that nobody else may change.
 */
export function treeSummary(path: string): Promise<string | null> {
  return listed(path, ["-type", "f", "-printf", "%m %s %T@ %p\\0", "-o", "-printf", "%y %m %p %l\\0"]);
}

/** The same with what is in the files in place of sizes and times, which a tree that was restored from a backup may have lost. */
export async function treeContent(path: string): Promise<string | null> {
  const entries = await listed(path, ["-printf", "%y %m %p %l\\0"]);
  const contents = await listed(path, ["-type", "f", "-exec", "/usr/bin/sha256sum", "--zero", "--", "{}", "+"]);
  return entries === null || contents === null ? null : sha256(`${entries} ${contents}`);
}

async function listed(path: string, expression: readonly string[]): Promise<string | null> {
  if (process.platform !== "linux") return null;
  const find: [string, ...string[]] = ["/usr/bin/find", ".", "-mindepth", "1", ...expression];
  const { code, stdout } = await runChild(find, { cwd: path, env: {}, withinMs: lookLimitMs, limit: listLimit });
  return code === 0 && stdout.length < listLimit ? sha256(stdout.split("\0").sort().join("\0")) : null;
}

/** Of a list of files, only its beginning is read. */
const sinceLimit = 64 * 1024;
const perSecond = 1_000_000_000n;

/**
 * Files in a user's tree that were made or changed since a time in nanoseconds, by their paths below it, but for those
 * below directories of some names. By when their content or place last changed (ctime), which nobody can set. Nothing
 * where this system's find(1) cannot tell. Only this process may write where the tree lies.
 */
export async function changedSince(
  path: string,
  { since, as, without }: { since: bigint; as: User | null; without: readonly string[] },
): Promise<readonly string[]> {
  if (process.platform !== "linux") return [];
  const names = without.flatMap((name, place) => [...(place === 0 ? [] : ["-o"]), "-name", name]);
  const skipped = ["-type", "d", "(", ...names, ")", "-prune"];
  const changed = [
    "-type",
    "f",
    "-newerct",
    `@${since / perSecond}.${String(since % perSecond).padStart(9, "0")}`,
    "-printf",
    "%P\\0",
  ];
  const find: [string, ...string[]] = ["/usr/bin/find", ".", "-mindepth", "1", ...skipped, "-o", ...changed];
  const work = { ...(as ?? {}), cwd: path, env: {}, withinMs: lookLimitMs, limit: sinceLimit };
  const { stdout } = await runChild(find, work);
  return stdout.split("\0").slice(0, -1);
}

/** Deletes an own directory with its files; one that contains directories is refused (EISDIR, EPERM). */
export function deleteFlat(path: string): void {
  try {
    for (const name of fs.readdirSync(path)) fs.unlinkSync(join(path, name));
    fs.rmdirSync(path);
  } catch (thrown) {
    if (!isErrno(thrown, "ENOENT")) throw thrown;
  }
}

export interface AsideOptions {
  /** Is made; on the file system of what is taken. Nobody but this process may write in it or look into it. */
  readonly directory: string;
  /** Is reported once of each tree that could not be deleted. */
  readonly notify: (words: string) => void;
}

/**
 * Where trees go that are out of use. Their place is free at once; they are deleted afterwards, one at a time, each
 * part with the rights of its owner. That never fails an operation: what cannot be deleted stays, is reported once, and
 * is retried by `sweep`.
 */
export class Aside {
  readonly #options: AsideOptions;
  readonly #waiting = new Set<string>();
  readonly #reported = new Set<string>();
  #work: Promise<void> = Promise.resolve();

  constructor(options: AsideOptions) {
    this.#options = options;
  }

  /** Takes a tree, or a file, out of its place, which only this process may write; nothing there is nothing to do. */
  take(path: string): void {
    this.#open();
    const name = randomBytes(8).toString("hex");
    try {
      this.#move(path, join(this.#options.directory, name));
    } catch (thrown) {
      if (isErrno(thrown, "ENOENT", "ENOTDIR")) return;
      if (!(thrown instanceof Error && "errno" in thrown)) throw thrown;
      return this.#say(path, String(thrown));
    }
    this.#queue(name);
  }

  /** Retries what stayed, and what a previous process left. */
  sweep(): void {
    this.#open();
    for (const name of fs.readdirSync(this.#options.directory)) if (!this.#waiting.has(name)) this.#queue(name);
  }

  /** Resolves when everything that was taken so far was tried. */
  idle(): Promise<void> {
    return this.#work;
  }

  #open(): void {
    fs.mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 });
  }

  /** A directory is moved by who may write it (rename(2), EACCES), which its owner can always become. */
  #move(from: string, to: string): void {
    try {
      fs.renameSync(from, to);
    } catch (thrown) {
      if (!isErrno(thrown, "EACCES") || isRoot()) throw thrown;
      fs.chmodSync(from, 0o700);
      fs.renameSync(from, to);
    }
  }

  #queue(name: string): void {
    this.#waiting.add(name);
    this.#work = this.#work.then(async () => {
      const path = join(this.#options.directory, name);
      const failure = await deleteTree(path);
      this.#waiting.delete(name);
      if (failure !== null) this.#say(path, failure);
    });
  }

  #say(path: string, why: string): void {
    if (this.#reported.has(path)) return;
    this.#reported.add(path);
    this.#options.notify(`${path} is unused and cannot be deleted now (${why}); it is retried later`);
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Why a tree is still there, or null. Parts of others are emptied as they; what is left is this process's own. */
async function deleteTree(path: string): Promise<string | null> {
  const until = performance.now() + deleteLimitMs;
  try {
    if (!fs.lstatSync(path).isDirectory()) {
      fs.unlinkSync(path);
      return null;
    }
    for (const directory of isRoot() ? await othersIn(path, until) : []) {
      const { uid, gid } = fs.lstatSync(directory);
      const failure = await deleteAs(directory, { uid, gid }, until);
      if (failure !== null || directory === path) return failure;
    }
    return await deleteAs(path, null, until);
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.detail;
    if (thrown instanceof Error && "errno" in thrown) return fs.existsSync(path) ? String(thrown) : null;
    throw thrown;
  }
}

/** The directories of others that are in directories of root alone: on the way to them nobody can have put a link. */
async function othersIn(path: string, until: number): Promise<readonly string[]> {
  const find = ["/usr/bin/find", path, "-xdev", "-type", "d", "!", "-user", "0", "-prune", "-print0"] as const;
  const { code, stdout } = await runChild(find, { env: {}, withinMs: left(until) });
  if (code !== 0) throw new Fault("operation.failed", "it cannot be searched in time");
  return stdout.split("\0").filter((each) => each !== "");
}

/** Empties a directory with the rights of a user, then removes it. */
async function deleteAs(path: string, as: User | null, until: number): Promise<string | null> {
  await using top = await openOrOpened(path);
  await top.chmod(0o700);
  const work = () => ({ as, cwd: path, withinMs: left(until) });
  const empty = ["/usr/bin/find", ".", "-xdev", "-mindepth", "1", "-delete"] as const;
  // Most often it is in a directory that its owner may not write, as all of a sealed tree; its files may be shared with
  // another one, whose modes stay. A directory that cannot be read either is one that a user made.
  const opened = ["/usr/bin/find", ".", "-xdev", "-type", "d", "-exec", "/bin/chmod", "u+rwx", "{}", "+"] as const;
  let failure = await failureOf(empty, work());
  for (const open of [opened, ["/bin/chmod", "-R", "u+rwX", "."] as const]) {
    if (failure === null) break;
    await failureOf(open, work());
    failure = await failureOf(empty, work());
  }
  if (failure === null) fs.rmdirSync(path);
  return failure;
}

/** A directory that its own user may not read can be opened by root alone; anybody else makes it readable first. */
function openOrOpened(path: string): Promise<FileHandle> {
  if (!isRoot()) fs.chmodSync(path, 0o700);
  return openDirectory(path);
}

function left(until: number): number {
  return Math.max(1, until - performance.now());
}
