import type { Diagnostic } from "./faults.ts";

/**
 * The text of a file, without a byte-order mark: UTF-8, or UTF-16 where a mark says so (PowerShell 5 writes it with `>`).
 * Null: it holds a NUL character, so it is no text.
 */
export function decodeText(bytes: Uint8Array): string | null {
  const [first, second] = bytes;
  const isLittle = first === 0xff && second === 0xfe;
  const encoding = isLittle ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  const text = new TextDecoder(encoding).decode(bytes);
  return text.includes("\0") ? null : text;
}

/** `path: message`; the message alone if it is about the whole document. */
export function pathAndMessage({ path, message }: Diagnostic): string {
  return path === "" ? message : `${path}: ${message}`;
}
