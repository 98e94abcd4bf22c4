import { type Dirent, existsSync, statSync } from "node:fs";
import { chmod, lstat, mkdir, mkdtemp, readdir, readlink, realpath, rename, stat, utimes } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import { syncDirectory } from "../../../host/files.ts";
import { Aside, type AsideOptions, measureTree, syncTree } from "../../../host/tree.ts";
import type { User } from "../../../host/users.ts";
import type { StoredObject } from "../../../ports/builder.ts";
import { adoptArtifact, adoptSource } from "./earlier.ts";
import { isDamaged, seal, sealContent, sealOf } from "./seals.ts";
import { staysInside } from "./unpack.ts";

const digestPattern = /^sha256:([0-9a-f]{64})$/;
/** A deployment looks at its artifacts many times within seconds. */
const wholeForMs = 5_000;
const storeOf = { source: "sources", artifact: "artifacts", packages: "packages" } as const;
/** `packages`: what the first step of builds installed, which only builders ask for. */
export type StoredKind = keyof typeof storeOf;

type StoredItem<Kind> = Omit<StoredObject, "what"> & { readonly what: Kind };

/** The digest's hexadecimal part, which names its directory. Faults: `request.invalid`. */
export function hexOf(digest: string): string {
  const hex = digestPattern.exec(digest)?.[1];
  if (hex === undefined) throw new Fault("request.invalid", `"${digest.slice(0, 80)}" is not a sha256 digest`);
  return hex;
}

export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** The path of an artifact in a build directory: the process runtime's `artifactDirectory`. */
export function artifactDirectory(directory: string, digest: string): string {
  const whole = join(artifactsDirectory(directory), hexOf(digest));
  const earlier = join(directory, storeOf.artifact, hexOf(digest));
  return existsSync(whole) || !existsSync(earlier) ? whole : earlier;
}

/** Where a build directory keeps its artifacts. */
function artifactsDirectory(directory: string): string {
  return join(directory, "whole", storeOf.artifact);
}

/** Where a build directory keeps what is sealed. */
export function sealedDirectories(directory: string): readonly string[] {
  return [artifactsDirectory(directory), join(directory, "whole", storeOf.packages)];
}

export interface ContentStoreOptions {
  readonly directory: string;
  readonly kinds: readonly StoredKind[];
  /** The owner of artifacts; null: the user of this process. */
  readonly owner: User | null;
  /** Receives reports of what cannot be deleted. */
  readonly notify: AsideOptions["notify"];
}

/**
 * Sources, and artifacts if they are directories, as directories named by digest in `whole/`. Everything there is
 * complete, also after a loss of power: it is created in `staging/`, synced, and moved with one rename. The time of a
 * directory is that of its last request. Previous versions synced nothing and kept both beside `whole/`: what is found
 * there is reused after verification.
 */
export class ContentStore {
  readonly staging: string;
  readonly #options: ContentStoreOptions;
  readonly #aside: Aside;
  readonly #bytes = new Map<string, number>();
  /** When each artifact was last found whole. */
  readonly #whole = new Map<string, number>();
  readonly #adopting = new Map<string, Promise<boolean>>();

  constructor(options: ContentStoreOptions) {
    this.#options = options;
    this.staging = join(options.directory, "staging");
    this.#aside = new Aside({ directory: join(options.directory, "aside"), notify: options.notify });
  }

  /** Creates the directories and removes what a crash left in `staging/`, except `kept`. */
  async open(kept: () => Promise<ReadonlySet<string>>): Promise<void> {
    const { directory, kinds } = this.#options;
    await this.#make("", 0o711);
    await this.#make("whole", 0o700);
    for (const what of kinds) await this.#make(join("whole", storeOf[what]), 0o700);
    await this.#make("builds", 0o700);
    await this.#make("seals", 0o700);
    await this.#make("staging", 0o711);
    for (const made of [join(directory, "whole"), directory, join(directory, "..")]) await syncDirectory(made);
    const keep = await kept();
    for (const name of await readdir(this.staging)) if (!keep.has(name)) this.discard(join(this.staging, name));
    this.#aside.sweep();
  }

  path(what: StoredKind, digest: string): string {
    return join(this.#options.directory, "whole", storeOf[what], hexOf(digest));
  }

  async has(what: StoredKind, digest: string): Promise<boolean> {
    if ((await unlessMissing(lstat(this.path(what, digest)))) !== null) return true;
    const earlier = this.#earlier(what, digest);
    if ((await unlessMissing(lstat(earlier))) === null) return false;
    const adopting = this.#adopting.get(earlier) ?? this.#adopt(what, digest);
    this.#adopting.set(earlier, adopting);
    return adopting.finally(() => this.#adopting.delete(earlier));
  }

  /** Records a request for an item; returns whether it exists. `remove` respects the record. */
  async touch(what: StoredKind, digest: string, now: number): Promise<boolean> {
    return (await unlessMissing(utimes(this.path(what, digest), now / 1_000, now / 1_000).then(() => true))) ?? false;
  }

  /** Takes a tree away that is not what was sealed, so that it is built again. A look lasts for a few seconds. */
  async dropIfDamaged(what: "artifact" | "packages", digest: string, now: number): Promise<void> {
    const path = this.path(what, digest);
    const looked = this.#whole.get(path);
    if (looked !== undefined && now >= looked && now - looked < wholeForMs) return;
    if (await isDamaged(path)) {
      this.#options.notify(`${path} was changed or damaged on the disk; it is made again when it is needed`);
      await this.remove(what, digest);
    } else this.#whole.set(path, now);
  }

  draft(prefix: string): Promise<string> {
    return mkdtemp(join(this.staging, `${prefix}-`));
  }

  /** Moves a finished directory into place. If it already exists, it is the same item, and that is fine. */
  async put(what: StoredKind, digest: string, from: string): Promise<void> {
    await syncTree(from);
    try {
      await rename(from, this.path(what, digest));
      if (what !== "source") await seal(this.path(what, digest));
    } catch (thrown) {
      const moved = isErrno(thrown, "ENOTEMPTY", "EEXIST", "ENOENT") && (await this.has(what, digest));
      if (!moved) throw thrown;
      this.discard(from);
    }
    await syncDirectory(join(this.path(what, digest), ".."));
  }

  /** Moves a tree out of its place. It is deleted afterwards, which never fails. */
  discard(path: string): void {
    this.#aside.take(path);
  }

  /** An item requested after `touchedAt` stays. Check and removal are synchronous, so nothing happens between. */
  async remove(what: StoredKind, digest: string, touchedAt = Number.POSITIVE_INFINITY): Promise<void> {
    const found = statSync(this.path(what, digest), { throwIfNoEntry: false });
    if (found && Math.round(found.mtimeMs) > touchedAt) return;
    this.#bytes.delete(this.path(what, digest));
    this.#whole.delete(this.path(what, digest));
    this.discard(sealOf(this.path(what, digest)));
    this.discard(this.path(what, digest));
    this.discard(this.#earlier(what, digest));
  }

  /** All items of these kinds, also of previous versions. Failed deletions are retried. */
  async list<Kind extends StoredKind>(kinds: readonly Kind[]): Promise<readonly StoredItem<Kind>[]> {
    this.#aside.sweep();
    const all: StoredItem<Kind>[] = [];
    for (const what of kinds) {
      for (const name of await this.#names(storeOf[what])) {
        const digest = `sha256:${name}`;
        if (!isDigest(digest)) continue;
        const path = (await unlessMissing(lstat(this.path(what, digest))))
          ? this.path(what, digest)
          : this.#earlier(what, digest);
        const found = await unlessMissing(stat(path));
        if (found && what !== "source") await sealContent(path);
        if (found) all.push({ digest, what, touchedAt: Math.round(found.mtimeMs), bytes: await this.#size(path) });
      }
    }
    return all;
  }

  async #names(store: string): Promise<ReadonlySet<string>> {
    const { directory } = this.#options;
    const earlier = (await unlessMissing(readdir(join(directory, store)))) ?? [];
    return new Set([...(await readdir(join(directory, "whole", store))), ...earlier]);
  }

  /** Independent of the controller's umask. */
  async #make(name: string, mode: number): Promise<void> {
    const path = join(this.#options.directory, name);
    await mkdir(path, { recursive: true });
    await chmod(path, mode);
  }

  #earlier(what: StoredKind, digest: string): string {
    return join(this.#options.directory, storeOf[what], hexOf(digest));
  }

  async #adopt(what: StoredKind, digest: string): Promise<boolean> {
    const draft = await this.draft("earlier");
    try {
      const from = this.#earlier(what, digest);
      const to = join(draft, "tree");
      const proven =
        what === "source"
          ? await adoptSource({ from, to, digest })
          : await adoptArtifact({ from, to, owner: this.#options.owner });
      if (!proven) {
        // Instances may still run in an artifact.
        if (what === "source") this.discard(from);
        return false;
      }
      const { mtimeMs } = await stat(from);
      await this.put(what, digest, to);
      await this.touch(what, digest, mtimeMs);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.#options.notify(`${this.#earlier(what, digest)} of a previous version cannot be reused: ${thrown.detail}`);
      return false;
    } finally {
      this.discard(draft);
    }
  }

  /** Bytes on disk, counted once, because items never change. */
  async #size(path: string): Promise<number> {
    const known = this.#bytes.get(path);
    if (known !== undefined) return known;
    const bytes = (await measureTree(path)) ?? 0;
    this.#bytes.set(path, bytes);
    return bytes;
  }
}

/** The result of a call, or null if its file does not exist. */
export async function unlessMissing<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ENOTDIR", "ELOOP")) return null;
    throw thrown;
  }
}

/** A path inside a tree that no link leads out of, or null. */
export async function pathInside(root: string, path: string): Promise<string | null> {
  const real = await unlessMissing(realpath(join(root, path)));
  const base = await realpath(root);
  return real !== null && (real === base || real.startsWith(base + sep)) ? real : null;
}

/** Fault `source.unsafe` if a link in a part of the source leads out of that part. */
export async function refuseOutwardLinks(directory: string): Promise<void> {
  const entries: Dirent[] = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isSymbolicLink())) {
    const full = join(entry.parentPath, entry.name);
    const path = relative(directory, full).split(sep).join("/");
    if (staysInside(path, await readlink(full))) continue;
    throw new Fault("source.unsafe", `the link ${JSON.stringify(path.slice(0, 200))} leads out of the build's context`);
  }
}
