import type { Secret } from "../base/secret.ts";
import type { EnvKey } from "../model/environment.ts";
import type { ArtifactSpec, ArtifactState, RegistryLogins } from "../model/release.ts";

export type { ArtifactState };

/** Something in the artifact store. `touchedAt`: when it was last uploaded, built or asked for, by `observe` too. */
export interface StoredObject {
  readonly digest: string;
  readonly what: "source" | "artifact";
  readonly touchedAt: number;
  readonly bytes: number;
}

/** What a build has from outside: variables with their values, and logins. What is secret is in nothing that it leaves behind. */
export interface BuildVariables {
  readonly plain: Readonly<Record<string, string>>;
  readonly secret: Readonly<Record<string, Secret>>;
  /** Each is for its registry alone: no step of the build sees it. */
  readonly registries: RegistryLogins<Secret>;
}

export const noVariables: BuildVariables = { plain: {}, secret: {}, registries: {} };

/**
 * Takes sources in and makes artifacts of them. Both are named by digest, so that equal input is built once.
 * Contract (src/testing/conformance/builder.ts): a half-made source or artifact is never visible; a build goes on or is
 * begun again after a crash; nothing outside the store is read or written by a hostile archive.
 */
export interface Builder {
  /** What its artifacts are: `directories` in which plain processes run, or `images` that bring their own command. */
  readonly makes: "directories" | "images";
  hasSource(digest: string): Promise<boolean>;
  /** Unpacks a tar stream. Faults: `source.unsafe`, `source.digest-mismatch`, `request.too-large`. */
  admit(digest: string, tar: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes of one file of a source, or null; at most 1 MiB. */
  readSource(digest: string, path: string): Promise<Uint8Array | null>;
  observe(digest: string): Promise<ArtifactState>;
  /** Starts a build and returns; `observe` tells how it goes. Idempotent. A failed build is begun anew. */
  build(
    artifact: ArtifactSpec,
    forWhom: { key: EnvKey; release: number; deployment: string },
    variables?: BuildVariables,
  ): Promise<void>;
  list(): Promise<readonly StoredObject[]>;
  /** With `touchedAt` one that was asked for since then stays, so that nobody is told of what is just being taken away. */
  remove(object: { digest: string; what: "source" | "artifact"; touchedAt?: number }): Promise<void>;
}
