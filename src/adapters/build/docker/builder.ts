import { join } from "node:path";
import { Serial } from "../../../base/serial.ts";
import type { detect } from "../../../detect/detect.ts";
import type { ContainerEngine } from "../../../host/engine.ts";
import type { ArtifactSpec, ArtifactState } from "../../../model/release.ts";
import { type Builder, type BuildVariables, noVariables, type StoredObject } from "../../../ports/builder.ts";
import type { Clock } from "../../../ports/clock.ts";
import { ContentStore, hexOf } from "../source/content-store.ts";
import { Sources } from "../source/sources.ts";
import { Builds, type BuildTasks } from "./builds.ts";
import type { DockerProgram } from "./buildx.ts";
import { refuseMissing } from "./context.ts";
import { Images } from "./images.ts";
import type { RoomPolicy } from "./room.ts";
import type { BuildLimits } from "./way.ts";
import { type WayName, Ways } from "./ways.ts";
import { Work } from "./work.ts";

export interface DockerBuilderOptions {
  readonly engine: ContainerEngine;
  /** Sources, records and logs; images belong to the engine. */
  readonly directory: string;
  /** Identifies Fairlead's images in the engine. */
  readonly installation: string;
  readonly clock: Clock;
  /** Used if there is no Dockerfile. */
  readonly recipeOf: typeof detect;
  readonly limits: BuildLimits;
  readonly room: RoomPolicy;
  /** Number of parallel builds; only one per app. */
  readonly atOnce: number;
  /** The docker program, for `docker buildx`; null: it is not used. */
  readonly docker: DockerProgram | null;
  /** Allowed build methods, the best first. */
  readonly ways: readonly WayName[];
  /** Receives notices about the store. */
  readonly notify: (words: string) => void;
}

/** A builder of images, and its builds as tasks for `withBuilds`. */
export interface DockerBuilder extends Builder {
  readonly builds: BuildTasks;
}

export type ForWhom = Parameters<Builder["build"]>[1];

/**
 * Builds images in a Docker engine. The artifact `sha256:<hex>` is the image `fairlead-artifact:<hex>`, which the
 * engine tags at the end of a build, so that a tagged image is complete.
 * - A build lives with its connection: the engine ends it when the controller dies, and the next controller, which
 *   finds neither image nor build, starts it again. Completed steps are in the engine's cache.
 * - `docker buildx` is used if it is installed, otherwise BuildKit through the engine's API, otherwise the classic
 *   builder. Only the last one honours the limits of memory and processor (engine 20.10 to 29); BuildKit runs steps in
 *   a control group of the engine, which cannot be limited from outside. All are limited by disk space, the number of
 *   parallel builds and the deadline.
 * - A build gets its context and the variables that the manifest has for it: plain ones as arguments, secret ones as
 *   build secrets, which remain nowhere.
 * - A registry's login is sent to the engine with the request for an image, and stored nowhere.
 * - Only Fairlead's own tags are removed; the build cache, which has no owner, never.
 */
export function dockerBuilder(options: DockerBuilderOptions): DockerBuilder {
  return new EngineBuilder(options);
}

class EngineBuilder implements DockerBuilder {
  readonly makes = "images";
  readonly builds: Builds;
  readonly #clock: Clock;
  readonly #store: ContentStore;
  readonly #sources: Sources;
  readonly #images: Images;
  readonly #work: Work;
  /** An image is not reported as existing while it is being removed. */
  readonly #serial = new Serial();
  readonly #asking = new Map<string, Promise<void>>();
  #opened: Promise<void> | null = null;

  constructor(options: DockerBuilderOptions) {
    const { directory, engine, installation, clock, notify } = options;
    this.#clock = clock;
    this.#store = new ContentStore({ directory, kinds: ["source"], owner: null, notify });
    this.#sources = new Sources(this.#store, clock);
    this.#images = new Images({ engine, notes: join(directory, "images"), installation });
    this.builds = new Builds({ ...options, directory: join(directory, "builds") });
    this.#work = new Work({ ...options, images: this.#images, ways: new Ways(options) });
  }

  async hasSource(digest: string): Promise<boolean> {
    await this.#open();
    return this.#sources.has(digest);
  }

  async admit(digest: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#open();
    return this.#sources.admit(digest, tar);
  }

  async readSource(digest: string, path: string): Promise<Uint8Array | null> {
    await this.#open();
    return this.#sources.read(digest, path);
  }

  /** Builds are checked first: while one runs, the engine need not be asked. */
  async observe(digest: string): Promise<ArtifactState> {
    await this.#open();
    hexOf(digest);
    const before = this.builds.stateOf(digest);
    if (before.state === "building") return before;
    return this.#serial.run(digest, async () => {
      if (!(await this.#images.has(digest))) return this.builds.stateOf(digest);
      await this.#images.touch(digest, { now: this.#clock.now() });
      return { state: "built" };
    });
  }

  build(artifact: ArtifactSpec, forWhom: ForWhom, variables = noVariables): Promise<void> {
    const asking = this.#asking.get(artifact.digest);
    if (asking) return asking;
    const done = this.#ensure(artifact, forWhom, variables).finally(() => this.#asking.delete(artifact.digest));
    this.#asking.set(artifact.digest, done);
    return done;
  }

  async list(): Promise<readonly StoredObject[]> {
    await this.#open();
    return [...(await this.#store.list(["source"])), ...(await this.#images.list())];
  }

  async remove({ digest, what, touchedAt }: Parameters<Builder["remove"]>[0]): Promise<void> {
    await this.#open();
    if (what === "artifact") await this.#serial.run(digest, () => this.#images.remove(digest, touchedAt));
    else await this.#store.remove("source", digest, touchedAt);
  }

  #open(): Promise<void> {
    this.#opened ??= this.#openAll().catch((thrown) => {
      this.#opened = null;
      throw thrown;
    });
    return this.#opened;
  }

  async #openAll(): Promise<void> {
    await this.#store.open(async () => new Set());
    await this.#images.open();
    await this.builds.open();
  }

  async #ensure(artifact: ArtifactSpec, forWhom: ForWhom, variables: BuildVariables): Promise<void> {
    const { digest, source } = artifact;
    const { state } = await this.observe(digest);
    const now = this.#clock.now();
    await this.#sources.touch(source);
    if (state === "built" || state === "building") return;
    const root = artifact.image === null ? await this.#rootOf(artifact) : null;
    // A new name for every attempt: a task of a previous one may still be kept for its output.
    const task = `build-${hexOf(digest).slice(0, 16)}-${now.toString(36)}`;
    const { key, release, deployment } = forWhom;
    await this.builds.start({ task, key, release, deployment, digest, since: now }, (control) =>
      root === null
        ? this.#work.fetch(artifact, variables.registries, control)
        : this.#work.build({ artifact, root, release, variables }, control),
    );
  }

  /** Faults: `source.missing`, `source.unsafe`. */
  async #rootOf(artifact: ArtifactSpec): Promise<string> {
    const root = await this.#sources.context(artifact);
    if (artifact.dockerfile !== null) refuseMissing(root, artifact.dockerfile);
    return root;
  }
}
