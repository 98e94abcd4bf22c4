import { randomBytes } from "node:crypto";
import { Fault } from "../../../base/faults.ts";
import { decrypt, encrypt, keyBytes } from "./aead.ts";

/** A key of the ring; its id prefixes every text that it sealed. */
export interface RingKey {
  readonly id: string;
  readonly key: Buffer;
}

/** The keys that seal values, the newest last, and the permanent key for digests. */
export interface Ring {
  readonly keys: readonly RingKey[];
  readonly digestKey: Buffer;
  /** A copy of the master key exists. */
  readonly copied: boolean;
}

interface Written {
  readonly version: 1;
  readonly keys: readonly { readonly id: string; readonly wrapped: string }[];
  readonly digestKey: string;
  readonly copied?: boolean;
}

export function newKey(): RingKey {
  return { id: randomBytes(6).toString("hex"), key: randomBytes(keyBytes) };
}

export function newRing(): Ring {
  return { keys: [newKey()], digestKey: randomBytes(keyBytes), copied: false };
}

/** The ring as stored: every key encrypted with the master key. */
export function wrap({ keys, digestKey, copied }: Ring, master: Uint8Array): string {
  const written: Written = {
    version: 1,
    keys: keys.map(({ id, key }) => ({ id, wrapped: encrypt(master, key, `key ${id}`) })),
    digestKey: encrypt(master, digestKey, "digest key"),
    copied,
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}

/** Reads a stored ring; null if another master key encrypted it. Fault: `vault.damaged`. */
export function unwrap(text: string, master: Uint8Array, file: string): Ring | null {
  const written = parse(text, file);
  const digestKey = decrypt(master, written.digestKey, "digest key");
  if (digestKey === null) return null;
  const keys = written.keys.map(({ id, wrapped }) => {
    const key = decrypt(master, wrapped, `key ${id}`);
    if (key === null) throw new Fault("vault.damaged", `${file} contains a key ${id} that cannot be decrypted`);
    return { id, key };
  });
  return { keys, digestKey, copied: written.copied ?? false };
}

function parse(text: string, file: string): Written {
  let written: Partial<Written> | null = null;
  try {
    written = JSON.parse(text) as Partial<Written>;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  const isWhole = written?.version === 1 && typeof written.digestKey === "string" && (written.keys?.length ?? 0) > 0;
  if (!isWhole) throw new Fault("vault.damaged", `${file} is not a ring of keys`);
  return written as Written;
}
