import type { EnvKey } from "../../model/environment.ts";
import type { Release } from "../../model/release.ts";

/** A new release. A second one of the same number is refused (`document.stale`): releases never change. */
export interface ReleaseChange {
  readonly kind: "release";
  readonly release: Release;
}

export interface ReleaseBook {
  find(key: EnvKey, number: number): Promise<Release | null>;
  /** Newest first, from before `before` on. */
  page(key: EnvKey, page: { before?: number; limit: number }): Promise<readonly Release[]>;
  /** The number of the newest release, 0 when there is none. */
  lastNumber(key: EnvKey): Promise<number>;
  /** Numbers of the releases that were live, the most recent first, each once. */
  live(key: EnvKey, limit: number): Promise<readonly number[]>;
}
