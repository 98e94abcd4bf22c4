import type { EnvKey, SealedValue, SetValue } from "../../model/environment.ts";
import type { SecretRef } from "../../model/release.ts";

/** What only a person's order changes about values; a destroyed version stays destroyed. */
export type ValuesChange =
  | { readonly kind: "variables"; readonly key: EnvKey; readonly set: Readonly<Record<string, SealedValue | null>> }
  | { readonly kind: "value.destroyed"; readonly key: EnvKey; readonly ref: SecretRef }
  | { readonly kind: "value.resealed"; readonly key: EnvKey; readonly ref: SecretRef; readonly sealed: string };

/** A version of a value, without its text. */
export interface ValueVersion extends SetValue {
  readonly name: string;
  /** Its sealed text was deleted; only its existence is known. */
  readonly destroyed: boolean;
}

/** A sealed text and its place. */
export interface SealedText extends SecretRef {
  readonly key: EnvKey;
  readonly sealed: string;
}

export interface ValueBook {
  /** The sealed texts of versions, in the same order; null for one that never existed or was destroyed. */
  sealed(key: EnvKey, refs: readonly SecretRef[]): Promise<readonly (string | null)[]>;
  /** All versions of one name, or of all: by name, the newest first. */
  versions(key: EnvKey, name?: string): Promise<readonly ValueVersion[]>;
  /** Every sealed text, in a stable order, after one of them. */
  sealedTexts(page: { after: SealedText | null; limit: number }): Promise<readonly SealedText[]>;
}
