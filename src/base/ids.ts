import { randomBytes } from "node:crypto";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford base 32: no i, l, o, u

/**
 * An identifier like `dep_0k3v9m2rxa7qfj`: 9 characters of milliseconds, so that ids sort by time, and 35 random bits,
 * so that two made in the same millisecond differ.
 */
export function newId(prefix: string, now: number): string {
  let time = "";
  for (let rest = now, i = 0; i < 9; i += 1, rest = Math.floor(rest / 32)) time = alphabet.charAt(rest % 32) + time;
  let random = "";
  for (const byte of randomBytes(7)) random += alphabet.charAt(byte % 32);
  return `${prefix}_${time}${random}`;
}
