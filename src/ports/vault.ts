import type { Secret } from "../base/secret.ts";
import type { EnvKey } from "../model/environment.ts";
import type { SecretRef } from "../model/release.ts";

/** What a sealed text is bound to: moved to another place, it does not open. */
export interface SealedPlace extends SecretRef {
  readonly key: EnvKey;
}

/**
 * Seals the values that people set. It keeps keys and no values: sealed texts lie in the journal. Contract
 * (src/testing/conformance/vault.ts): what `seal` gave opens at the same place and nowhere else, also after a restart and
 * while keys are exchanged; a sealed text that was altered, or whose key is gone, is the fault `vault.damaged`.
 */
export interface Vault {
  /** Another text each time. */
  seal(secret: Secret, place: SealedPlace): string;
  /** Fault: `vault.damaged`. */
  open(sealed: string, place: SealedPlace): Secret;
  /**
   * Eight hexadecimal digits that are equal for equal texts within an environment, also after `renew`; without the vault
   * nobody can make them, and those of another environment tell nothing. Null: within the whole vault, for what is not shown.
   */
  digest(secret: Secret, within: EnvKey | null): string;
  /** Whether a text is sealed with the newest key. */
  isCurrent(sealed: string): boolean;
  /** Seals with new keys from now on; what was sealed before still opens. */
  renew(): Promise<void>;
  /** Forgets all keys but the newest. Call it when everything is sealed with that. */
  forgetOldKeys(): Promise<void>;
  /** What opens everything else: for the recovery bundle. */
  masterKey(): Secret;
  /** Whether a copy of the present master key was made, as `noteCopy` said; another master key has none. */
  readonly hasCopy: boolean;
  noteCopy(): Promise<void>;
}
