import { mkdir, open, realpath } from "node:fs/promises";
import { join } from "node:path";
import { treeDigest } from "../../../base/digest.ts";
import { Fault } from "../../../base/faults.ts";
import { formatSize } from "../../../base/size.ts";
import { makeReadable } from "../../../host/tree.ts";
import type { BuildSpec } from "../../../model/release.ts";
import type { Clock } from "../../../ports/clock.ts";
import { type ContentStore, hexOf, pathInside, refuseOutwardLinks, unlessMissing } from "./content-store.ts";
import { unpack } from "./unpack.ts";

const fileLimit = 1024 * 1024;

/** The sources of a builder: upload and access, independent of the kind of artifact. The content store must be open. */
export class Sources {
  readonly #store: ContentStore;
  readonly #clock: Clock;

  constructor(store: ContentStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async has(digest: string): Promise<boolean> {
    return (await this.#store.has("source", digest)) && this.touch(digest);
  }

  /** Records a request; returns whether it exists. */
  touch(digest: string): Promise<boolean> {
    return this.#store.touch("source", digest, this.#clock.now());
  }

  /** Faults: `source.unsafe`, `source.digest-mismatch`, `request.too-large`; nothing is left of a refused upload. */
  async admit(digest: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    hexOf(digest);
    if (await this.has(digest)) return;
    const draft = await this.#store.draft("source");
    try {
      const tree = join(draft, "tree");
      await mkdir(tree);
      const found = treeDigest(await unpack(tar, tree));
      if (found !== digest) {
        throw new Fault("source.digest-mismatch", `the uploaded files are ${found} and not ${digest}`);
      }
      // Independent of the controller's umask: builds and instances of other users read it.
      await makeReadable(tree, null);
      await this.#store.put("source", digest, tree);
      await this.touch(digest);
    } finally {
      this.#store.discard(draft);
    }
  }

  async read(digest: string, path: string): Promise<Uint8Array | null> {
    const root = this.#store.path("source", digest);
    if (path.includes("\0") || !(await this.#store.has("source", digest))) return null;
    const place = await pathInside(root, path);
    if (place === null) return null;
    await using file = await open(place, "r");
    const stat = await file.stat();
    if (!stat.isFile()) return null;
    if (stat.size > fileLimit) {
      throw new Fault("request.too-large", `${path.slice(0, 200)} is larger than ${formatSize(fileLimit)}`);
    }
    return file.readFile();
  }

  /** The directory of a source to build. Faults: `source.missing`, `source.unsafe`. */
  async context({ source, context }: Pick<BuildSpec, "context"> & { readonly source: string }): Promise<string> {
    const there = await this.#store.has("source", source);
    const root = there ? await unlessMissing(realpath(this.#store.path("source", source))) : null;
    if (root === null) throw new Fault("source.missing", `the source ${source} was not uploaded`);
    const place = context.includes("\0") ? null : await pathInside(root, context);
    if (place === null) {
      throw new Fault("source.unsafe", `${JSON.stringify(context.slice(0, 200))} is not a directory of the source`);
    }
    if (place !== root) await refuseOutwardLinks(place);
    return place;
  }
}
