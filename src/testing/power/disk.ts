import { chmodSync, lchownSync, lstatSync, mkdirSync, type Stats, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FileCall } from "./trace.ts";

type Change = { readonly at: number } & (
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly size: number }
);

/** A file, a directory or a link, with everything that ever happened to it. */
interface Inode {
  readonly what: "file" | "directory" | "link" | "other";
  readonly target: string;
  readonly changes: Change[];
  readonly entries: { readonly at: number; readonly name: string; readonly inode: Inode | null }[];
  /** When its content was synced, and how much of what had happened by then that covers. */
  readonly syncs: { readonly at: number; readonly since: number }[];
  /** As the running system sees it. */
  readonly names: Map<string, Inode>;
  size: number;
}

function inodeOf(what: Inode["what"], target = ""): Inode {
  return { what, target, changes: [], entries: [], syncs: [], names: new Map(), size: 0 };
}

/** What of that which was not synced has reached the disk all the same. */
export interface Luck {
  /** A change of names, by the number of its call. */
  readonly name: (at: number) => boolean;
  /** Content: how much of a write, from 0 to 1. */
  readonly content: (at: number) => number;
}

/** A disk holds a write in whole sectors. */
const sector = 512;

/**
 * A disk that forgets at a loss of power what was not synced: content and names each by itself, because a file's fsync(2) says nothing of
 * its name (fsync(2), NOTES). Several changes of one file or directory are kept or lost one by one.
 */
export class Disk {
  readonly #below: string;
  readonly #root = inodeOf("directory");
  readonly #all: { at: number; since: number }[] = [];
  length = 0;

  /** Below this directory everything is known, from when it was empty. */
  constructor(below: string, calls: readonly FileCall[]) {
    this.#below = below;
    for (const call of calls) this.#apply(call);
  }

  #apply(call: FileCall): void {
    this.length += 1;
    const at = this.length;
    if (call.kind === "sync") {
      const syncs = call.path === null ? this.#all : this.#find(call.path)?.syncs;
      syncs?.push({ at, since: call.since + 1 });
    } else if (call.kind === "make") this.#make(at, call);
    else if (call.kind === "rename" || call.kind === "link") this.#move(at, call);
    else if (call.kind === "remove") this.#enter(at, call.path, null);
    else this.#change(at, call);
  }

  #make(at: number, call: Extract<FileCall, { kind: "make" }>): void {
    if (this.#find(call.path)) return;
    this.#enter(at, call.path, inodeOf(call.what, call.what === "link" ? call.target : ""));
  }

  #move(at: number, { kind, from, path }: { kind: "rename" | "link"; from: string; path: string }): void {
    const inode = this.#find(from);
    if (!inode) return;
    if (kind === "rename") this.#enter(at, from, null);
    this.#enter(at, path, inode);
  }

  #change(at: number, call: Extract<FileCall, { kind: "write" | "copy" | "truncate" }>): void {
    const inode = this.#find(call.path);
    if (!inode) return;
    if (call.kind === "truncate") {
      inode.changes.push({ at, kind: "truncate", size: call.size });
      inode.size = call.size;
      return;
    }
    const offset = (call.kind === "write" ? call.offset : null) ?? inode.size;
    const bytes = call.kind === "write" ? call.bytes : this.#bytesOf(call.from).subarray(offset, offset + call.length);
    inode.changes.push({ at, kind: "write", offset, bytes });
    inode.size = Math.max(inode.size, offset + bytes.length);
  }

  #bytesOf(path: string): Buffer {
    const inode = this.#find(path);
    return inode ? contentOf(inode.changes, () => 1) : Buffer.alloc(0);
  }

  #find(path: string): Inode | undefined {
    if (path === this.#below) return this.#root;
    if (!path.startsWith(`${this.#below}/`)) return undefined;
    let found: Inode | undefined = this.#root;
    for (const part of path.slice(this.#below.length + 1).split("/")) found = found?.names.get(part);
    return found;
  }

  #enter(at: number, path: string, inode: Inode | null): void {
    const slash = path.lastIndexOf("/");
    const directory = this.#find(path.slice(0, slash));
    const name = path.slice(slash + 1);
    if (!directory) return;
    directory.entries.push({ at, name, inode });
    if (inode) directory.names.set(name, inode);
    else directory.names.delete(name);
  }

  /**
   * Writes out what is on the disk when the power goes right after the first `cut` calls. Owners and modes are those that `like`, the directory as it
   * became, has in the same places.
   */
  writeOut(cut: number, luck: Luck, { to, like }: { to: string; like: string }): void {
    mkdirSync(to);
    own(to, like);
    this.#fill(this.#root, { cut, luck, to, like });
  }

  #fill(directory: Inode, { cut, luck, to, like }: { cut: number; luck: Luck; to: string; like: string }): void {
    for (const [name, inode] of this.#namesOf(directory, cut, luck)) {
      const [path, twin] = [join(to, name), join(like, name)];
      if (inode.what === "directory") {
        mkdirSync(path);
        this.#fill(inode, { cut, luck, to: path, like: twin });
      } else if (inode.what === "link") symlinkSync(inode.target, path);
      else if (inode.what === "file") writeFileSync(path, this.#contentAt(inode, cut, luck), { mode: 0o600 });
      if (inode.what !== "other") own(path, twin);
    }
  }

  #namesOf(directory: Inode, cut: number, luck: Luck): ReadonlyMap<string, Inode> {
    const safe = this.#safe(directory, cut);
    const names = new Map<string, Inode>();
    for (const { at, name, inode } of directory.entries) {
      if (at > cut || (at >= safe && !luck.name(at))) continue;
      if (inode) names.set(name, inode);
      else names.delete(name);
    }
    return names;
  }

  #contentAt(inode: Inode, cut: number, luck: Luck): Buffer {
    const safe = this.#safe(inode, cut);
    const changes = inode.changes.filter(({ at }) => at <= cut);
    return contentOf(changes, (at) => (at < safe ? 1 : luck.content(at)));
  }

  /** Everything that happened to it before this call is on the disk. */
  #safe(inode: Inode, cut: number): number {
    const done = [...inode.syncs, ...this.#all].filter(({ at }) => at <= cut);
    return Math.max(0, ...done.map(({ since }) => since));
  }
}

function contentOf(changes: readonly Change[], share: (at: number) => number): Buffer {
  let content: Buffer = Buffer.alloc(0);
  for (const change of changes) {
    const part = share(change.at);
    if (part === 0) continue;
    if (change.kind === "truncate") content = resized(content, change.size);
    else {
      const length = part === 1 ? change.bytes.length : Math.floor((change.bytes.length * part) / sector) * sector;
      content = resized(content, Math.max(content.length, change.offset + length));
      change.bytes.copy(content, change.offset, 0, length);
    }
  }
  return content;
}

function resized(content: Buffer, size: number): Buffer {
  if (size <= content.length) return content.subarray(0, size);
  return Buffer.concat([content, Buffer.alloc(size - content.length)]);
}

function own(path: string, like: string): void {
  const twin: Stats | undefined = lstatSync(like, { throwIfNoEntry: false });
  if (!twin) return;
  lchownSync(path, twin.uid, twin.gid);
  if (!twin.isSymbolicLink()) chmodSync(path, twin.mode & 0o777);
}
