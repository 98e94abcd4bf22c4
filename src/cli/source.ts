import { createHash } from "node:crypto";
import { closeSync, type Dirent, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { type Pack, pack } from "tar-stream";
import { type TreeEntry, treeDigest } from "../base/digest.ts";
import { asFault, Fault } from "../base/faults.ts";
import { formatSize } from "../base/size.ts";
import type { Client } from "../client/client.ts";
import { IgnoreRules, type LeftOut, type LeftOutReason, unreadable } from "./ignored.ts";
import { type Manifest, manifestName } from "./place.ts";
import { type TrackedFiles, trackedBelow } from "./tracked.ts";

/** Limits of a source tree: anything larger is a data directory that was not meant to be deployed. */
export const sourceLimits = { files: 50_000, bytes: 1024 ** 3 };

interface SourceEntry extends TreeEntry {
  readonly file: string;
  readonly bytes: number;
}

/** A source tree: names, digests, and the paths of the files. */
export interface Source {
  readonly digest: string;
  readonly entries: readonly SourceEntry[];
  readonly bytes: number;
  readonly leftOut: readonly LeftOut[];
}

type Limits = typeof sourceLimits;

/**
 * Reads the tree that a manifest describes, without what is ignored. The manifest is always part of it, as fairlead.yml.
 * Faults: `source.unsafe` (a link that leaves the tree, a file that cannot be read), `request.too-large`.
 */
export function readSource({ directory, file }: Manifest, limits: Limits = sourceLimits): Source {
  const entries: SourceEntry[] = [readFile(manifestName, file)];
  let bytes = entries[0]?.bytes ?? 0;
  const leftOut: LeftOut[] = [];
  for (const found of walk(directory, leftOut)) {
    if (found.path === manifestName) continue;
    const entry = found.isLink
      ? readLink(directory, found.path)
      : readFile(found.path, path.join(directory, found.path));
    entries.push(entry);
    bytes += entry.bytes;
    if (entries.length > limits.files) throw tooLarge(`more than ${limits.files} files`, found.path);
    if (bytes > limits.bytes) throw tooLarge(`more than ${formatSize(limits.bytes)}`, found.path);
  }
  return { digest: treeDigest(entries), entries, bytes, leftOut };
}

function tooLarge(what: string, at: string): Fault {
  return new Fault("request.too-large", `the source has ${what} (reached at ${at})`);
}

/**
 * The files of a tree that are part of its source, without links, with `/` between the parts; and what is left out.
 * Faults: `source.unsafe`, `request.too-large`.
 */
export function filesBelow(directory: string): {
  readonly paths: readonly string[];
  readonly leftOut: readonly LeftOut[];
} {
  const paths: string[] = [];
  const leftOut: LeftOut[] = [];
  for (const { path: at, isLink } of walk(directory, leftOut)) {
    if (!isLink) paths.push(at);
    if (paths.length > sourceLimits.files) throw tooLarge(`more than ${sourceLimits.files} files`, at);
  }
  return { paths, leftOut };
}

interface Entry {
  readonly path: string;
  readonly isLink: boolean;
}

/** The files of a tree that are part of the source, links among them. What is not goes to `leftOut`. */
function* walk(root: string, leftOut: LeftOut[]): Generator<Entry> {
  const rules = new IgnoreRules(root);
  const tracked = trackedBelow(root);
  const known = tracked === "none" || tracked === null ? noFiles : tracked;
  const byGit =
    tracked === null ? "by .gitignore; Git does not answer, so tracked files may be among them" : "by .gitignore";
  const stack = [{ directory: "", rules: rules.enter("", []), isIgnored: false }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    for (const found of listDirectory(root, next.directory)) {
      const at = next.directory === "" ? found.name : `${next.directory}/${found.name}`;
      const isDirectory = found.isDirectory();
      const entry = { path: at, isDirectory };
      const isTracked = (isDirectory ? known.directories : known.files).has(at);
      const isIgnored = next.isIgnored || rules.isGitIgnored(entry, next.rules);
      const why = rules.reason(entry) ?? (isIgnored && !isTracked ? byGit : whyUnusable(root, at, found));
      if (why !== null) leftOut.push({ path: isDirectory ? `${at}/` : at, why, isTracked });
      else if (isDirectory) stack.push({ directory: at, rules: rules.enter(at, next.rules), isIgnored });
      else yield { path: at, isLink: found.isSymbolicLink() };
    }
  }
}

const noFiles: TrackedFiles = { files: new Set(), directories: new Set() };

/** Sockets, pipes and devices belong to this machine. A name that is not UTF-8 cannot be opened as it was read. */
function whyUnusable(root: string, at: string, found: Dirent): LeftOutReason | null {
  if (found.name.includes("\ufffd") && !lstatSync(path.join(root, at), { throwIfNoEntry: false }))
    return "its name is not UTF-8";
  const isUsable = found.isDirectory() || found.isFile() || found.isSymbolicLink();
  return isUsable ? null : "neither file, directory nor link";
}

function listDirectory(root: string, directory: string): Dirent[] {
  try {
    const found = readdirSync(path.join(root, directory), { withFileTypes: true });
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw unreadable(directory === "" ? "." : directory, error);
  }
}

function whereLeads(root: string, at: string): string {
  try {
    return readlinkSync(path.join(root, at));
  } catch (error) {
    throw unreadable(at, error);
  }
}

function readLink(root: string, at: string): SourceEntry {
  const target = whereLeads(root, at);
  const end = path.posix.normalize(path.posix.join(path.posix.dirname(at), target));
  if (path.isAbsolute(target) || end === ".." || end.startsWith("../")) {
    throw new Fault("source.unsafe", `the link ${at} leads out of the source`, {
      hint: "Replace it with a copy, or exclude it with .gitignore.",
    });
  }
  return { path: at, kind: "link", executable: false, content: target, file: "", bytes: 0 };
}

function readFile(at: string, file: string): SourceEntry {
  try {
    const hash = createHash("sha256");
    let bytes = 0;
    let mode = 0;
    for (const chunk of chunksOf(file, (found) => (mode = found))) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    const content = `sha256:${hash.digest("hex")}`;
    return { path: at, kind: "file", executable: (mode & 0o111) !== 0, content, file, bytes };
  } catch (error) {
    throw unreadable(at, error);
  }
}

/** A file in pieces: memory use stays small, and a small file is read with one call. */
function* chunksOf(file: string, onMode?: (mode: number) => void): Generator<Buffer> {
  const handle = openSync(file, "r");
  try {
    const { size, mode } = fstatSync(handle);
    onMode?.(mode);
    for (;;) {
      const chunk = Buffer.allocUnsafe(Math.min(1024 * 1024, Math.max(4096, size + 1)));
      const length = readSync(handle, chunk);
      if (length === 0) return;
      yield chunk.subarray(0, length);
    }
  } finally {
    closeSync(handle);
  }
}

/** The tree as a tar stream: fixed order, no times, no owners, so that equal trees give equal bytes. */
export function packSource(source: Source): Readable {
  return Readable.from(archive(source), { objectMode: false });
}

async function* archive(source: Source): AsyncGenerator<Buffer> {
  const tar = pack();
  // Destroyed without an error, because an unhandled one would end the process.
  const filled = fill(tar, source).then(
    () => null,
    (error: unknown) => {
      tar.destroy();
      return asFault(error);
    },
  );
  try {
    for await (const chunk of tar) yield chunk as Buffer;
  } catch (error) {
    throw (await filled) ?? error;
  }
}

async function fill(tar: Pack, source: Source): Promise<void> {
  for (const entry of source.entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const header = { name: entry.path, mtime: new Date(0), mode: entry.executable ? 0o755 : 0o644 };
    if (entry.kind === "link") tar.entry({ ...header, type: "symlink", linkname: entry.content });
    else await packFile(tar.entry({ ...header, size: entry.bytes }), entry);
  }
  tar.finalize();
}

/** Copies a file into the archive; a different length means that it has changed. */
async function packFile(into: NodeJS.WritableStream, entry: SourceEntry): Promise<void> {
  let bytes = 0;
  for (const chunk of chunksOf(entry.file)) {
    bytes += chunk.length;
    if (bytes > entry.bytes) break;
    if (!into.write(chunk)) await new Promise((resolve) => into.once("drain", resolve));
  }
  if (bytes !== entry.bytes) throw new Fault("source.digest-mismatch", `${entry.path} changed while it was read`);
  into.end();
}

/**
 * Uploads the source to the controller, unless it exists there. Files that change meanwhile are read again, once; if
 * they keep changing: `source.digest-mismatch`. `watch`: shows what is sent.
 */
export async function uploadSource(api: Client, manifest: Manifest, watch?: Watch): Promise<Source> {
  try {
    return await uploadOnce(api, manifest, watch);
  } catch (error) {
    if (!(error instanceof Fault && error.code === "source.digest-mismatch")) throw error;
    return await uploadOnce(api, manifest, watch);
  }
}

/** Of the bytes of an archive and how many there are, the same bytes. */
type Watch = (tar: Readable, bytes: number) => Readable;

async function uploadOnce(api: Client, manifest: Manifest, watch: Watch = (tar) => tar): Promise<Source> {
  const source = readSource(manifest);
  if (!(await api.hasSource(source.digest))) {
    await api.putSource(source.digest, watch(packSource(source), source.bytes));
  }
  return source;
}
