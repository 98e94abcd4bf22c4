/** A named token for the API over TCP. Its text is shown once and stored nowhere. */
export interface AccessToken {
  readonly name: string;
  /** Digest of its text (`sha256` of src/base/digest.ts); a text has 256 random bits, which nobody can guess. */
  readonly digest: string;
  readonly createdAt: number;
  readonly createdBy: string;
  /** Null: until it is revoked. */
  readonly expiresAt: number | null;
  /** When it was last used, to the minute; null: never. */
  readonly usedAt: number | null;
}

/** Names for the controller's own socket and for the controller's own token. */
export const ownActors = { socket: "local", token: "token" } as const;

/** The text of a token: `flt_`, its name, and 32 random bytes as base64url. */
export function tokenText(name: string, random: Uint8Array): string {
  return `flt_${name}_${Buffer.from(random).toString("base64url")}`;
}

/** The name in the text of a token; null if it is not a token. */
export function tokenName(text: string): string | null {
  return /^flt_([a-z][a-z0-9-]{0,39})_[A-Za-z0-9_-]{43}$/.exec(text)?.[1] ?? null;
}
