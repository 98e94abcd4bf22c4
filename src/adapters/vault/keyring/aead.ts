import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { Fault, isMistake } from "../../../base/faults.ts";

/** AES-256-GCM with a random nonce of 96 bits (NIST SP 800-38D, 8.2.2: at most 2³² texts a key, which no vault reaches). */
const algorithm = "aes-256-gcm";
export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** Encrypts a text so that it opens only with the same key and the same `about`. Returns base64url. */
export function encrypt(key: Uint8Array, text: Uint8Array, about: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(about));
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString("base64url");
}

/** Decrypts the result of `encrypt`; null if key, text or `about` do not match. */
export function decrypt(key: Uint8Array, sealed: string, about: string): Buffer | null {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < nonceBytes + tagBytes) return null;
  const nonce = bytes.subarray(0, nonceBytes);
  const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
    .setAAD(Buffer.from(about))
    .setAuthTag(bytes.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch (thrown) {
    if (isMistake(thrown)) throw thrown;
    return null; // node:crypto has no code for a tag that does not fit
  }
}

/** HMAC-SHA-256. */
export function mac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** A key of 32 bytes in base64, base64url or hexadecimal. Fault: `vault.key`. */
export function parseMasterKey(text: string, where: string): Buffer {
  const trimmed = text.trim();
  const bytes = /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, "hex") : Buffer.from(trimmed, "base64");
  if (bytes.length === keyBytes && /^[\w+/=-]+$/.test(trimmed)) return bytes;
  throw new Fault("vault.key", `${where} is not a key: 32 bytes as base64 or 64 hexadecimal digits are required`);
}
