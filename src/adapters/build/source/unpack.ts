import { createHash } from "node:crypto";
import { mkdir, open, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import type { TreeEntry } from "../../../base/digest.ts";
import { asFault, Fault } from "../../../base/faults.ts";
import { formatSize } from "../../../base/size.ts";
import { isPrivateName } from "../../../base/source-rules.ts";

export const unpackLimits = {
  entries: 50_000,
  bytes: 1024 ** 3,
  /** Bytes of an entry in the archive besides its content: headers with long names, and padding. */
  overhead: 4096,
  path: 1024,
  segment: 255,
  /** Nesting limit of directories. The deepest known source trees have about 30. */
  depth: 100,
  /** Limit of the total length of all paths, which are kept in memory: 50,000 of 320 bytes. */
  names: 16 * 1024 ** 2,
  /** Fields of an extended header, which are read for every entry again; tar(5) has a dozen. */
  fields: 100,
} as const;

/**
 * Limits of an archive: entries, including directories that only occur in paths of others, and bytes of their contents.
 */
interface Limits {
  readonly entries: number;
  readonly bytes: number;
  /** Bytes of all paths together. */
  readonly names: number;
}

/** One entry as tar-stream gives it. */
type Entry = ReturnType<typeof extract> extends AsyncIterable<infer Source> ? Source : never;

/**
 * Unpacks a tar stream into an empty directory and returns its content. It accepts only files, directories and links
 * that stay inside; every path is checked against earlier entries of the archive, so that nothing is written through a
 * link. Names that indicate secrets or history are refused (R046). Modes become 0644 or 0755, owners and times are
 * ignored. Faults: `source.unsafe` naming the entry, `request.too-large`.
 */
export async function unpack(
  tar: AsyncIterable<Uint8Array>,
  directory: string,
  limits: Limits = unpackLimits,
): Promise<readonly TreeEntry[]> {
  const unpacking = new Unpacking(directory, limits);
  const entries = extract();
  const feeding = pipeline(Readable.from(unpacking.watched(tar)), entries);
  // If either fails, the loop below ends with its error, so this one can be ignored.
  void Promise.allSettled([feeding]);
  try {
    for await (const entry of entries) await unpacking.take(entry);
    await feeding;
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : unreadable(thrown);
  }
  return unpacking.entries;
}

function unreadable(thrown: unknown): Fault {
  if (thrown instanceof Error && "syscall" in thrown) return asFault(thrown);
  return new Fault("source.unsafe", "the upload is not a readable tar archive", { cause: thrown });
}

class Unpacking {
  readonly entries: TreeEntry[] = [];
  readonly #directory: string;
  readonly #limits: Limits;
  /** The created entries, by path. */
  readonly #placed = new Map<string, "file" | "link" | "directory">();
  /** Entries without effect: the root, and existing directories. */
  #idle = 0;
  #bytes = 0;
  #names = 0;

  constructor(directory: string, limits: Limits) {
    this.#directory = directory;
    this.#limits = limits;
  }

  /** The stream itself, cut off when it is longer than any archive within the limits. */
  async *watched(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const most = this.#limits.bytes + (this.#limits.entries + 1) * unpackLimits.overhead;
    let read = 0;
    for await (const chunk of tar) {
      read += chunk.length;
      if (read > most) throw tooLarge("the archive", most);
      yield chunk;
    }
  }

  async take(entry: Entry): Promise<void> {
    const { header } = entry;
    const size = header.type === "file" || header.type === "contiguous-file" ? (header.size ?? 0) : 0;
    this.#bytes += size;
    if (this.#bytes > this.#limits.bytes) throw tooLarge("the source", this.#limits.bytes);
    if (Object.keys(header.pax ?? {}).length > unpackLimits.fields) throw unsafe(header.name, "has too long a header");
    const path = checkedPath(header.name);
    if (path === "" || (header.type === "directory" && this.#placed.get(path) === "directory")) this.#pass(entry);
    else if (header.type === "file" || header.type === "contiguous-file") await this.#file(path, entry);
    else if (header.type === "directory") await this.#directoryAt(path, entry);
    else if (header.type === "symlink") await this.#link(path, entry);
    else throw unsafe(header.name, `is a ${header.type ?? "thing"} , not a file, directory or link`);
  }

  async #file(path: string, entry: Entry): Promise<void> {
    await this.#makeRoom(path);
    this.#place(path, "file");
    const executable = ((entry.header.mode ?? 0) & 0o100) !== 0;
    const hash = createHash("sha256");
    await using file = await open(join(this.#directory, path), "wx", executable ? 0o755 : 0o644);
    for await (const chunk of entry as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    this.entries.push({ path, kind: "file", executable, content: `sha256:${hash.digest("hex")}` });
  }

  async #directoryAt(path: string, entry: Entry): Promise<void> {
    entry.resume();
    await this.#makeRoom(path);
    this.#place(path, "directory");
    await mkdir(join(this.#directory, path));
  }

  async #link(path: string, entry: Entry): Promise<void> {
    entry.resume();
    const target = entry.header.linkname ?? "";
    if (!staysInside(path, target)) throw unsafe(path, "is a link that leads out of the source");
    await this.#makeRoom(path);
    this.#place(path, "link");
    await symlink(target, join(this.#directory, path));
    this.entries.push({ path, kind: "link", executable: false, content: target });
  }

  /** Makes sure that a path is free, and creates its missing parent directories. */
  async #makeRoom(path: string): Promise<void> {
    if (this.#placed.has(path)) throw unsafe(path, "is twice in the archive");
    const parents = path.split("/").slice(0, -1);
    for (const [depth] of parents.entries()) {
      const parent = parents.slice(0, depth + 1).join("/");
      const there = this.#placed.get(parent) ?? "directory";
      if (there !== "directory") throw unsafe(path, `is behind the ${there} ${parent.slice(0, 200)}`);
      if (!this.#placed.has(parent)) this.#place(parent, "directory");
    }
    await mkdir(join(this.#directory, dirname(path)), { recursive: true });
  }

  #pass(entry: Entry): void {
    entry.resume();
    this.#idle += 1;
    this.#checkCount();
  }

  #checkCount(): void {
    if (this.#placed.size + this.#idle <= this.#limits.entries) return;
    throw tooLarge("the source's number of files and directories", this.#limits.entries);
  }

  /** Records an entry, within the limits. */
  #place(path: string, what: "file" | "link" | "directory"): void {
    this.#placed.set(path, what);
    this.#names += Buffer.byteLength(path);
    this.#checkCount();
    if (this.#names > this.#limits.names) throw tooLarge("the total length of the source's names", this.#limits.names);
  }
}

/** The path without leading `./` and trailing `/`; empty for the root. */
function checkedPath(name: string): string {
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  const bad = name.startsWith("/") || name.includes("\0") || segments.includes("..");
  if (bad) throw unsafe(name, "is not a path inside the source");
  const long = (text: string, limit: number) => Buffer.byteLength(text) > limit;
  if (long(name, unpackLimits.path) || segments.some((segment) => long(segment, unpackLimits.segment))) {
    throw unsafe(name, "has too long a name");
  }
  if (segments.length > unpackLimits.depth + 1)
    throw unsafe(name, `is nested more than ${unpackLimits.depth} directories deep`);
  if (segments.some(isPrivateName)) {
    throw new Fault("source.unsafe", `${JSON.stringify(name.slice(0, 200))} must not be in an image or release`, {
      hint: "By its name it contains history or secrets: exclude it with .gitignore, and set secrets with `fairlead env set`.",
    });
  }
  return segments.join("/");
}

/**
 * Whether a link cannot lead out. `..` is allowed only at the beginning of the target, where it leaves plain
 * directories: after a name, it could leave the target of another link.
 */
export function staysInside(path: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\0") || target.length > unpackLimits.path)
    return false;
  const segments = target.split("/").filter((segment) => segment !== "" && segment !== ".");
  const up = segments.findIndex((segment) => segment !== "..");
  const ups = up === -1 ? segments.length : up;
  return !segments.slice(ups).includes("..") && ups <= path.split("/").length - 1;
}

function unsafe(name: string, what: string): Fault {
  return new Fault("source.unsafe", `${JSON.stringify(name.slice(0, 200))} ${what}`);
}

function tooLarge(what: string, limit: number): Fault {
  const most = limit === unpackLimits.entries ? limit.toLocaleString("en") : formatSize(limit);
  return new Fault("request.too-large", `${what} is larger than ${most}`);
}
