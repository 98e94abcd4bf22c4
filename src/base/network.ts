import { isIP } from "node:net";

/** Addresses with the same first bits: `10.0.0.0/8`. */
export interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

/** The network of `10.0.0.0/8`, `fd00::/8` or of a single address, or null when the text is none. */
export function parseNetwork(text: string): Network | null {
  const found = /^([0-9a-fA-F.:]{2,45})(?:\/(\d{1,3}))?$/.exec(text);
  const version = isIP(found?.[1] ?? "");
  if (found === null || version === 0) return null;
  const most = version === 4 ? 32 : 128;
  const bits = Number(found[2] ?? most);
  return bits > most ? null : { address: found[1] ?? "", bits, family: version === 4 ? "ipv4" : "ipv6" };
}
