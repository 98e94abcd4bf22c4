import { isIPv4, isIPv6, type Socket } from "node:net";
import type { Announced } from "./proxies.ts";
import { embeddedSettings } from "./settings.ts";

/**
 * What the bytes at the begin of a connection are of a PROXY protocol header (its specification, versions 1 and 2).
 * `address` null: the proxy speaks for itself, as its health checks do.
 */
export type ProxyHeader =
  | ({ readonly state: "whole"; readonly bytes: number } & Announced)
  | { readonly state: "part" }
  | { readonly state: "none" };

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const beginning = Buffer.from("PROXY ", "latin1");
/** The longest line of version 1, its end included. */
const lineBytes = 107;
/** The longest header of version 2 that is taken: addresses need 36, the rest are notes of the proxy. */
const mostBytes = 4_096;

/** Reads a header out of the first bytes of a connection. */
export function proxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAlike(bytes, signature)) return bytes.length < 16 ? part : binaryHeader(bytes);
  return startsAlike(bytes, beginning) ? textHeader(bytes) : none;
}

const nothing: Announced = { address: null, port: null };
const part: ProxyHeader = { state: "part" };
const none: ProxyHeader = { state: "none" };

function startsAlike(bytes: Buffer, wanted: Buffer): boolean {
  const length = Math.min(bytes.length, wanted.length);
  return bytes.subarray(0, length).equals(wanted.subarray(0, length));
}

function textHeader(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, lineBytes).indexOf("\r\n");
  if (end === -1) return bytes.length < lineBytes ? part : none;
  const [, family, source = "", target = "", ...ports] = bytes.subarray(0, end).toString("latin1").split(" ");
  if (family === "UNKNOWN") return { state: "whole", bytes: end + 2, ...nothing };
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : () => false;
  const good = isAddress(source) && isAddress(target) && ports.length === 2 && ports.every(isPort);
  return good ? { state: "whole", bytes: end + 2, address: source, port: Number(ports[1]) } : none;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

function binaryHeader(bytes: Buffer): ProxyHeader {
  const [command = 0, family = 0] = bytes.subarray(12, 14);
  const length = 16 + bytes.readUInt16BE(14);
  if ((command !== 0x20 && command !== 0x21) || length > mostBytes) return none;
  if (bytes.length < length) return part;
  const isLocal = command === 0x20;
  if (!isLocal && family === 0x11 && length >= 28) {
    const address = [...bytes.subarray(16, 20)].join(".");
    return { state: "whole", bytes: length, address, port: bytes.readUInt16BE(26) };
  }
  if (!isLocal && family === 0x21 && length >= 52) {
    return { state: "whole", bytes: length, address: ipv6At(bytes, 16), port: bytes.readUInt16BE(50) };
  }
  // Of another kind of socket nothing is known, and too few bytes for an address are a mistake.
  return isLocal || (family !== 0x11 && family !== 0x21) ? { state: "whole", bytes: length, ...nothing } : none;
}

function ipv6At(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_none, index) => bytes.readUInt16BE(at + 2 * index).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** Takes the header off a fresh connection and then gives it on, or cuts it when it does not begin with one in time. */
export function takeProxyHeader(socket: Socket, taken: (announced: Announced) => void): void {
  let first = Buffer.alloc(0);
  const late = setTimeout(() => socket.destroy(), embeddedSettings.headersMs);
  const end = () => socket.destroy();
  const read = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    first = Buffer.concat([first, chunk]);
    const header = proxyHeader(first);
    if (header.state === "part") return;
    if (header.state === "none") return end();
    clearTimeout(late);
    socket.off("readable", read).off("error", end).off("end", end);
    if (header.bytes < first.length) socket.unshift(first.subarray(header.bytes));
    taken(header);
  };
  socket.on("readable", read).on("error", end).on("end", end);
  socket.once("close", () => clearTimeout(late));
}
