import type { Secret } from "../base/secret.ts";
import type { EnvKey } from "../model/environment.ts";
import type { SecretRef } from "../model/release.ts";

/** The place that a sealed text is bound to: in another place it cannot be opened. */
export interface SealedPlace extends SecretRef {
  readonly key: EnvKey;
}

/**
 * Seals the values that people set. It stores keys and no values: sealed texts are in the journal. Contract
 * (src/testing/conformance/vault.ts): the result of `seal` can be opened at the same place and nowhere else, also after
 * a restart and while keys are replaced; a sealed text that was altered, or whose key is lost, is the fault
 * `vault.damaged`.
 */
export interface Vault {
  /** A different text each time. */
  seal(secret: Secret, place: SealedPlace): string;
  /** Fault: `vault.damaged`. */
  open(sealed: string, place: SealedPlace): Secret;
  /**
   * Eight hexadecimal digits that are equal for equal texts within an environment, also after `renew`; only the vault
   * can compute them, and those of another environment are unrelated. Null: within the whole vault, for digests that
   * are not shown.
   */
  digest(secret: Secret, within: EnvKey | null): string;
  /** Whether a text is sealed with the newest key. */
  isCurrent(sealed: string): boolean;
  /** Seals with new keys from now on; older sealed texts can still be opened. */
  renew(): Promise<void>;
  /** Deletes all keys but the newest. Call it when everything is sealed with that. */
  forgetOldKeys(): Promise<void>;
  /** The master key: for the recovery bundle. */
  masterKey(): Secret;
  /** Whether a copy of the current master key exists, as recorded by `noteCopy`; another master key has none. */
  readonly hasCopy: boolean;
  noteCopy(): Promise<void>;
}
