import { Fault } from "../../base/faults.ts";
import type { ArtifactSpec, ArtifactState } from "../../model/release.ts";
import type { Builder, StoredObject } from "../../ports/builder.ts";
import type { SimulatedClock } from "./clock.ts";

export interface BuildResult {
  readonly takesMs: number;
  readonly fails: boolean;
}

/** An artifact store that exists only in memory. A build that has begun goes on without the controller. */
export class SimulatedBuilder implements Builder {
  readonly makes = "directories";
  readonly #clock: SimulatedClock;
  readonly #resultOf: (digest: string) => BuildResult;
  readonly #states = new Map<string, ArtifactState>();
  readonly #touched = new Map<string, number>();
  readonly #sources = new Map<string, Uint8Array>();

  constructor(clock: SimulatedClock, resultOf: (digest: string) => BuildResult) {
    this.#clock = clock;
    this.#resultOf = resultOf;
  }

  async hasSource(digest: string): Promise<boolean> {
    return this.#sources.has(digest);
  }

  async admit(digest: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    let bytes = 0;
    for await (const piece of tar) bytes += piece.length;
    this.#sources.set(digest, new Uint8Array(bytes));
  }

  async readSource(): Promise<Uint8Array | null> {
    return null;
  }

  async observe(digest: string): Promise<ArtifactState> {
    const found = this.#states.get(digest) ?? { state: "absent" };
    if (found.state === "built") this.#touched.set(digest, this.#clock.now());
    return found;
  }

  async build(artifact: ArtifactSpec): Promise<void> {
    const { digest } = artifact;
    this.#touched.set(digest, this.#clock.now());
    const state = this.#states.get(digest)?.state;
    if (state === "built" || state === "building") return;
    const { takesMs, fails } = this.#resultOf(digest);
    this.#states.set(digest, { state: "building", since: this.#clock.now(), task: null });
    this.#clock.after(takesMs, () => {
      this.#states.set(
        digest,
        fails ? { state: "failed", code: "build.failed", detail: "exit 1", task: null } : { state: "built" },
      );
    });
  }

  async list(): Promise<readonly StoredObject[]> {
    const built = [...this.#states].filter(([, { state }]) => state === "built");
    return built.map(([digest]) => ({
      digest,
      what: "artifact",
      touchedAt: this.#touched.get(digest) ?? 0,
      bytes: 1_000,
    }));
  }

  async remove({ digest, what, touchedAt }: Parameters<Builder["remove"]>[0]): Promise<void> {
    if ((this.#touched.get(digest) ?? 0) > (touchedAt ?? Number.POSITIVE_INFINITY)) return;
    if (this.#states.get(digest)?.state === "building") throw new Fault("operation.failed", `${digest} is being built`);
    if (what === "artifact") this.#states.delete(digest);
    else this.#sources.delete(digest);
  }

  has(digest: string): boolean {
    return this.#states.get(digest)?.state === "built";
  }
}
