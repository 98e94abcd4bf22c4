import type { SecretVerdict } from "./secret-formats.ts";

/** Blocks of PEM (RFC 7468) with a private key. Headers, which contain `-`, are only in encrypted ones. */
const block = /-----BEGIN ((?:[A-Z]+ )?)PRIVATE KEY-----([^-]{0,16384})-----END/g;

/** Every private key in a text, with its index. A marker without a key is code that reads keys: none. */
export function privateKeysIn(text: string): readonly { readonly at: number; readonly verdict: SecretVerdict }[] {
  return [...text.matchAll(block)].map(({ index, 1: label = "", 2: body = "" }) => ({
    at: index,
    verdict: judge(label.trim(), base64Of(body)),
  }));
}

/** The base 64 of a block that may be indented, or be strings in code, also with `\n` written as two characters. */
function base64Of(body: string): string {
  const lines = body.replaceAll(/\\[nr]/g, "\n").split("\n");
  const isRun = (run: string) => /[^+/]/.test(run);
  return lines.map((line) => longest((line.match(/[A-Za-z0-9+/]+=*/g) ?? []).filter(isRun))).join("");
}

function longest(runs: readonly string[]): string {
  return runs.reduce((best, run) => (run.length > best.length ? run : best), "");
}

const openSshMagic = "openssh-key-v1\0";

function judge(label: string, base64: string): SecretVerdict {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length < 40) return null;
  if (label === "ENCRYPTED") return "perhaps";
  const ssh = bytes.toString("latin1", 0, 64);
  // openssh/PROTOCOL.key: the name of the cipher follows; `none` is a key without a passphrase.
  if (ssh.startsWith(openSshMagic)) return ssh.startsWith(`${openSshMagic}\0\0\0\x04none`) ? "live" : "perhaps";
  return isSequence(bytes) ? "live" : "perhaps";
}

/** Whether bytes are one SEQUENCE of DER (X.690), from the first to the last. */
function isSequence(bytes: Buffer): boolean {
  const [tag, first = 0] = bytes;
  const digits = first < 0x80 ? 0 : first & 0x7f;
  if (tag !== 0x30 || digits > 3) return false;
  const length = digits === 0 ? first : bytes.readUIntBE(2, digits);
  return bytes.length === 2 + digits + length;
}
