import { addressPasswordsIn } from "./address-passwords.ts";
import { lineOf } from "./lines.ts";
import { privateKeysIn } from "./private-keys.ts";
import { isRandom } from "./randomness.ts";
import { secretFormats } from "./secret-formats.ts";
import type { SourceFile } from "./subject.ts";

/** A secret in a text. */
export interface SecretMatch {
  readonly what: string;
  /** Index in the text. */
  readonly at: number;
  /** Surely live: its checksum, its structure or its entropy says so. */
  readonly isLive: boolean;
}

/** The secrets in a file or a value, in the order of their kinds. `path` is empty for a value. */
export function secretsIn(file: SourceFile): readonly SecretMatch[] {
  const { text } = file;
  const keys = secretFormats.flatMap(({ what, pattern, judge }) =>
    [...text.matchAll(pattern)].map((match) => {
      const verdict = judge
        ? judge(match, { ...file, line: lineOf(text, match.index) })
        : isRandom(match[1] ?? "") && ("live" as const);
      return { what, at: match.index, verdict };
    }),
  );
  return [
    ...keys,
    ...privateKeysIn(text).map((found) => ({ what: "a private key", ...found })),
    ...addressPasswordsIn(text).map((found) => ({ what: "an address with a password", ...found })),
  ].flatMap(({ what, at, verdict }) => (!verdict ? [] : [{ what, at, isLive: verdict === "live" }]));
}
