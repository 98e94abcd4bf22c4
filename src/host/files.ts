import * as fs from "node:fs";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault, isErrno } from "../base/faults.ts";
import { Serial } from "../base/serial.ts";

/** A file's text; null when there is none. */
export async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return null;
    throw thrown;
  }
}

/** By path. */
const replacing = new Serial();

/**
 * Replaces a file atomically, readable only by its owner (mode 0600). It is on disk when this returns; readers
 * meanwhile, and after a loss of power, find the old one or the new one. Of several writers in this process the last
 * one called wins; each writes to `PATH.PID.new` first, which no other process uses. A crash may leave that file.
 */
export function replaceFile(path: string, text: string): Promise<void> {
  return replacing.run(path, () => replaceNow(path, text));
}

async function replaceNow(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  await writeSynced(draft, text);
  await rename(draft, path);
  await syncDirectory(dirname(path));
}

/** The same for a small file, synchronously. Its temporary file is `PATH.new`: it has one writer. */
export function replaceFileSync(path: string, text: string, mode = 0o600): void {
  // A file left by a crash may be readable by others.
  fs.rmSync(`${path}.new`, { force: true });
  fs.writeFileSync(`${path}.new`, text, { mode, flag: "wx", flush: true });
  takePlace(`${path}.new`, path);
}

/** Copies a file to a path, with the same guarantees. */
export function copyFileSynced(from: string, to: string, mode: number): void {
  fs.copyFileSync(from, `${to}.new`);
  fs.chmodSync(`${to}.new`, mode);
  syncSync(`${to}.new`);
  takePlace(`${to}.new`, to);
}

function takePlace(draft: string, path: string): void {
  fs.renameSync(draft, path);
  syncSync(dirname(path));
}

/** Syncs a file's content, or a directory's names. */
export function syncSync(path: string): void {
  const file = fs.openSync(path, "r");
  try {
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** Makes a directory, and those above it that are missing; all of them survive a loss of power when this returns. */
export async function makeDirectory(path: string, mode = 0o700): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
}

/**
 * Writes a file readable only by its owner. When this returns, its content is on disk; its name only after
 * `syncDirectory`.
 */
export async function writeSynced(path: string, text: string): Promise<void> {
  await using file = await open(path, "w", 0o600);
  await file.writeFile(text);
  await file.sync();
}

/** Syncs what was created, renamed and removed in a directory. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}

/** A larger log is rotated when its program starts. */
const logBytes = 10 * 1024 * 1024;

/**
 * Opens a program's log to append to it; one over 10 MiB becomes `PATH.1`, which replaces the previous one. The
 * directory may belong to the program: a link, or a file with another name, is removed, because writing through it
 * would use this process's rights.
 */
export async function openLog(path: string): Promise<FileHandle> {
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const found = await lstat(path).catch((thrown: unknown) => {
    if (isErrno(thrown, "ENOENT")) return null;
    throw thrown;
  });
  if (found !== null && (!found.isFile() || found.nlink > 1)) await unlink(path);
  else if (found !== null && found.size > logBytes) await rename(path, `${path}.1`);
  const file = await open(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0o600);
  const opened = await file.stat();
  if (opened.isFile() && opened.nlink === 1) return file;
  await file.close();
  throw new Fault("operation.failed", `${path} was replaced with something that is not a log.`);
}

/** Appends a line of this process to a program's log. */
export async function noteInLog(path: string, words: string): Promise<void> {
  await using log = await openLog(path);
  await log.write(`${new Date().toISOString()} ${words}\n`);
}
