import { createHash, timingSafeEqual } from "node:crypto";

/** JSON with sorted keys, so that equal values have equal text. `undefined` members are omitted, as in JSON. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  );
}

/** `sha256:` and the hex digest of a text or of bytes. */
export function sha256(content: string | Uint8Array): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** Whether two digests are equal, compared in constant time because they may be of secrets. */
export function sameDigest(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** One file of a source tree. `mode` only says whether it is executable; other bits differ between machines. */
export interface TreeEntry {
  readonly path: string;
  readonly kind: "file" | "link";
  readonly executable: boolean;
  /** sha256 of the content, or the target of a link. */
  readonly content: string;
}

/** The digest of a source tree: independent of order, times and owners, so that the same code has the same name everywhere. */
export function treeDigest(entries: readonly TreeEntry[]): string {
  const lines = entries.map((entry) => JSON.stringify([entry.path, entry.kind, entry.executable, entry.content]));
  return sha256(lines.sort().join("\n"));
}
