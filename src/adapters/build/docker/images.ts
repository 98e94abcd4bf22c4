import { mkdir, open, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { installationLabel } from "../../../host/installation.ts";
import type { StoredObject } from "../../../ports/builder.ts";
import { hexOf, unlessMissing } from "../source/content-store.ts";

const repository = "fairlead-artifact";
const ourTag = new RegExp(`^${repository}:([0-9a-f]{64})$`);

/** Labels of Fairlead's objects. */
export const artifactLabel = "fairlead.artifact";

/** The engine's name of an artifact, e.g. for a container that runs it. */
export function imageOf(digest: string): string {
  return `${repository}:${hexOf(digest)}`;
}

/** The engine's record of an image. */
export interface FoundImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
}

interface ListedImage extends FoundImage {
  readonly Created: number;
  readonly Size: number;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/**
 * Fairlead's record of an artifact beside the image; its file's time is the last request. For a prebuilt image with
 * Fairlead's tag, `pulled` is the name by which it was pulled, or empty if it existed before.
 */
interface Note {
  readonly pulled: string;
}

/** The storage of images according to `/info`. */
export interface StoreInfo {
  readonly DockerRootDir?: string;
  readonly DriverStatus?: readonly (readonly string[])[] | null;
}

/** Whether the engine stores images in containerd, the default from 29 on. */
export function isKeptByContainerd({ DriverStatus }: StoreInfo): boolean {
  return (DriverStatus ?? []).some(([, value]) => value === "io.containerd.snapshotter.v1");
}

/** An image by any name, or null. */
export async function findImage(engine: ContainerEngine, name: string): Promise<FoundImage | null> {
  try {
    return await engine.json<FoundImage>("GET", `/images/${name}/json`);
  } catch (thrown) {
    if (isRefusal(thrown, 404)) return null;
    throw thrown;
  }
}

/**
 * The images that are artifacts of this installation: those with Fairlead's tag and its label, and prebuilt ones that
 * it tagged, which it records because they cannot be labelled. Images that another installation on the same engine
 * built from equal input are used but never removed. Removing one removes its tag and what only the tag held.
 */
export class Images {
  readonly #engine: ContainerEngine;
  readonly #notes: string;
  readonly #installation: string;

  constructor({ engine, notes, installation }: { engine: ContainerEngine; notes: string; installation: string }) {
    this.#engine = engine;
    this.#notes = notes;
    this.#installation = installation;
  }

  async open(): Promise<void> {
    await mkdir(this.#notes, { recursive: true });
  }

  async has(digest: string): Promise<boolean> {
    return (await findImage(this.#engine, imageOf(digest))) !== null;
  }

  /** Records that an artifact was requested now; `pulled` only if it was pulled. */
  async touch(digest: string, { now, pulled }: { now: number; pulled?: string }): Promise<void> {
    const place = join(this.#notes, hexOf(digest));
    await using file = await open(place, "a+", 0o600);
    if (pulled !== undefined) {
      await file.truncate(0);
      await file.write(JSON.stringify({ pulled } satisfies Note));
    }
    await utimes(place, now / 1_000, now / 1_000);
  }

  async tag(image: FoundImage, digest: string): Promise<void> {
    await this.#engine.json("POST", `/images/${image.Id}/tag`, { query: { repo: repository, tag: hexOf(digest) } });
  }

  async list(): Promise<readonly StoredObject[]> {
    const query = { filters: { reference: [repository] } };
    const all: StoredObject[] = [];
    for (const image of await this.#engine.json<readonly ListedImage[]>("GET", "/images/json", { query })) {
      for (const tag of image.RepoTags ?? []) {
        const digest = `sha256:${ourTag.exec(tag)?.[1]}`;
        if (!ourTag.test(tag)) continue;
        const isOurs = image.Labels?.[installationLabel] === this.#installation || (await this.#note(digest)) !== null;
        if (!isOurs) continue;
        const wanted = await unlessMissing(stat(join(this.#notes, hexOf(digest))));
        const touchedAt = Math.round(wanted?.mtimeMs ?? image.Created * 1_000);
        all.push({ digest, what: "artifact", touchedAt, bytes: image.Size });
      }
    }
    return all;
  }

  /**
   * Images that a container still uses stay until the next collection; so do layers of the image, which may be images
   * of others; and so does one that was requested after `touchedAt`.
   */
  async remove(digest: string, touchedAt = Number.POSITIVE_INFINITY): Promise<void> {
    const ours = (await this.list()).find((object) => object.digest === digest);
    if (ours && ours.touchedAt > touchedAt) return;
    const isOurs = ours !== undefined;
    const note = await this.#note(digest);
    if (isOurs && !(await this.#untag(imageOf(digest)))) return;
    if (note?.pulled) await this.#forgetPulled(note.pulled);
    await rm(join(this.#notes, hexOf(digest)), { force: true });
  }

  /** An image that Fairlead pulled and that has no other name belongs to nobody else. */
  async #forgetPulled(name: string): Promise<void> {
    const image = await findImage(this.#engine, name);
    if (image && (image.RepoTags ?? []).length === 0) await this.#untag(name);
  }

  /** Whether the name is gone. */
  async #untag(name: string): Promise<boolean> {
    try {
      await this.#engine.json("DELETE", `/images/${name}`, { query: { noprune: true } });
      return true;
    } catch (thrown) {
      if (isRefusal(thrown, 409)) return false;
      if (isRefusal(thrown, 404)) return true;
      throw thrown;
    }
  }

  async #note(digest: string): Promise<Note | null> {
    const text = await unlessMissing(readFile(join(this.#notes, hexOf(digest)), "utf8"));
    return text ? (JSON.parse(text) as Note) : null;
  }
}
