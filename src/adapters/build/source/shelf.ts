import type { Dirent } from "node:fs";
import { chmod, lstat, mkdir, mkdtemp, readdir, readlink, realpath, rename, rm, stat, utimes } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import { runChild } from "../../../host/child.ts";
import type { StoredObject } from "../../../ports/builder.ts";
import { staysInside } from "./unpack.ts";

const digestPattern = /^sha256:([0-9a-f]{64})$/;
const shelfOf = { source: "sources", artifact: "artifacts" } as const;

/** The digest's hexadecimal part, which names its directory. Faults: `request.invalid`. */
export function hexOf(digest: string): string {
  const hex = digestPattern.exec(digest)?.[1];
  if (hex === undefined) throw new Fault("request.invalid", `"${digest.slice(0, 80)}" is no sha256 digest`);
  return hex;
}

export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** Where a build directory has an artifact: what the process runtime is given as `artifactDirectory`. */
export function artifactDirectory(directory: string, digest: string): string {
  return join(directory, shelfOf.artifact, hexOf(digest));
}

/**
 * Sources, and where artifacts are directories those too, as directories named by digest. What is there is whole: everything is made in `staging/` and moved
 * with one rename. The time of a directory says when it was last wanted.
 */
export class Shelf {
  readonly staging: string;
  readonly #directory: string;
  readonly #kinds: readonly StoredObject["what"][];
  readonly #bytes = new Map<string, number>();

  constructor(directory: string, kinds: readonly StoredObject["what"][]) {
    this.#directory = directory;
    this.#kinds = kinds;
    this.staging = join(directory, "staging");
  }

  /** Makes the directories, which other users may pass through, and takes away what a crash left in `staging/`; `kept`: what is not left over. */
  async open(kept: () => Promise<ReadonlySet<string>>): Promise<void> {
    for (const name of ["", ...this.#kinds.map((what) => shelfOf[what]), "builds", "staging"]) {
      await mkdir(join(this.#directory, name), { recursive: true });
      await chmod(join(this.#directory, name), 0o711);
    }
    const keep = await kept();
    for (const name of await readdir(this.staging)) if (!keep.has(name)) await clear(join(this.staging, name));
  }

  path(what: StoredObject["what"], digest: string): string {
    return join(this.#directory, shelfOf[what], hexOf(digest));
  }

  async has(what: StoredObject["what"], digest: string): Promise<boolean> {
    return (await unlessMissing(lstat(this.path(what, digest)))) !== null;
  }

  /** Notes that something was wanted. */
  async touch(what: StoredObject["what"], digest: string, now: number): Promise<void> {
    await unlessMissing(utimes(this.path(what, digest), now / 1_000, now / 1_000));
  }

  draft(prefix: string): Promise<string> {
    return mkdtemp(join(this.staging, `${prefix}-`));
  }

  /** Puts a finished directory in its place. Who comes second finds the place taken by the same thing, and that is fine. */
  async put(what: StoredObject["what"], digest: string, from: string): Promise<void> {
    try {
      await rename(from, this.path(what, digest));
    } catch (thrown) {
      const moved = isErrno(thrown, "ENOTEMPTY", "EEXIST", "ENOENT") && (await this.has(what, digest));
      if (!moved) throw thrown;
      await clear(from);
    }
  }

  async remove(what: StoredObject["what"], digest: string): Promise<void> {
    const trash = await this.draft("trash");
    await unlessMissing(rename(this.path(what, digest), join(trash, "old")));
    this.#bytes.delete(this.path(what, digest));
    await clear(trash);
  }

  async list(): Promise<readonly StoredObject[]> {
    const all: StoredObject[] = [];
    for (const what of this.#kinds) {
      for (const name of await readdir(join(this.#directory, shelfOf[what]))) {
        const digest = `sha256:${name}`;
        if (!isDigest(digest)) continue;
        const found = await unlessMissing(stat(this.path(what, digest)));
        if (found)
          all.push({ digest, what, touchedAt: Math.round(found.mtimeMs), bytes: await this.#size(what, digest) });
      }
    }
    return all;
  }

  /** Bytes on disk, counted once: what is here never changes. */
  async #size(what: StoredObject["what"], digest: string): Promise<number> {
    const path = this.path(what, digest);
    const known = this.#bytes.get(path);
    if (known !== undefined) return known;
    const { stdout } = await runChild(["/usr/bin/du", "-sk", path], { env: {} });
    const bytes = Number.parseInt(stdout, 10) * 1024 || 0;
    this.#bytes.set(path, bytes);
    return bytes;
  }
}

/** What a call gives, or null when its file is not there. */
export async function unlessMissing<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ENOTDIR", "ELOOP")) return null;
    throw thrown;
  }
}

/** Deletes a tree, read-only directories included. */
export async function clear(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (thrown) {
    if (!isErrno(thrown, "EACCES", "EPERM")) throw thrown;
    await runChild(["/bin/chmod", "-R", "u+w", path], { env: {} });
    await rm(path, { recursive: true, force: true });
  }
}

/** A place inside a tree with no link on the way leading out of it, or null. */
export async function inside(root: string, path: string): Promise<string | null> {
  const real = await unlessMissing(realpath(join(root, path)));
  const base = await realpath(root);
  return real !== null && (real === base || real.startsWith(base + sep)) ? real : null;
}

/** Faults with `source.unsafe` when a link of a part of the source leads out of that part. */
export async function refuseOutwardLinks(directory: string): Promise<void> {
  const entries: Dirent[] = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isSymbolicLink())) {
    const full = join(entry.parentPath, entry.name);
    const path = relative(directory, full).split(sep).join("/");
    if (staysInside(path, await readlink(full))) continue;
    throw new Fault("source.unsafe", `the link ${JSON.stringify(path.slice(0, 200))} leads out of the build's context`);
  }
}
