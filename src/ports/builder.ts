import type { Secret } from "../base/secret.ts";
import type { EnvKey } from "../model/environment.ts";
import type { ArtifactSpec, ArtifactState, RegistryLogins } from "../model/release.ts";

export type { ArtifactState };

/** An item in the artifact store. `touchedAt`: when it was last uploaded, built or requested, also by `observe`. */
export interface StoredObject {
  readonly digest: string;
  readonly what: "source" | "artifact";
  readonly touchedAt: number;
  readonly bytes: number;
}

/** External input of a build: variables with their values, and logins. Secrets are in nothing that it leaves behind. */
export interface BuildVariables {
  readonly plain: Readonly<Record<string, string>>;
  readonly secret: Readonly<Record<string, Secret>>;
  /** Each is only for its registry: no step of the build sees it. */
  readonly registries: RegistryLogins<Secret>;
}

export const noVariables: BuildVariables = { plain: {}, secret: {}, registries: {} };

/**
 * Stores sources and builds artifacts from them. Both are named by digest, so that equal input is built once. Contract
 * (src/testing/conformance/builder.ts): a partial source or artifact is never visible; a build continues or is
 * restarted after a crash; a hostile archive reads and writes nothing outside the store.
 */
export interface Builder {
  /** Kind of its artifacts: `directories` in which plain processes run, or `images` with their own command. */
  readonly makes: "directories" | "images";
  hasSource(digest: string): Promise<boolean>;
  /** Unpacks a tar stream. Faults: `source.unsafe`, `source.digest-mismatch`, `request.too-large`. */
  admit(digest: string, tar: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes of one file of a source, or null; at most 1 MiB. */
  readSource(digest: string, path: string): Promise<Uint8Array | null>;
  observe(digest: string): Promise<ArtifactState>;
  /** Starts a build and returns; `observe` shows its state. Idempotent. A failed build is started again. */
  build(
    artifact: ArtifactSpec,
    forWhom: { key: EnvKey; release: number; deployment: string },
    variables?: BuildVariables,
  ): Promise<void>;
  list(): Promise<readonly StoredObject[]>;
  /** With `touchedAt`, an item that was requested since then is kept, so that nobody gets one that is being removed. */
  remove(object: { digest: string; what: "source" | "artifact"; touchedAt?: number }): Promise<void>;
}
