import type { IncomingMessage } from "node:http";
import { isAuthority } from "../table/hosts.ts";

/** A request whose framing and target have one meaning only. */
export interface RequestTarget {
  /** The Host header as it was sent. */
  readonly host: string;
  /** Path and query exactly as they were sent. */
  readonly path: string;
}

/**
 * What Node's strict parser lets through and two servers could still read differently (RFC 9112 3.2, 6.1, 6.3): null for
 * another version than HTTP/1, a transfer coding other than `chunked` or in HTTP/1.0, several Host headers or one that is no authority, a target for
 * another host than the Host header's, or one that is no path. The parser itself refuses both lengths at once, differing lengths
 * and malformed chunks.
 */
export function targetOf(req: IncomingMessage): RequestTarget | null {
  if (req.httpVersionMajor !== 1) return null;
  const coding = req.headers["transfer-encoding"];
  if (coding !== undefined && (coding.toLowerCase() !== "chunked" || req.httpVersionMinor === 0)) return null;
  const host = req.headers.host;
  if (host === undefined || !isAuthority(host) || hasSecondHost(req.rawHeaders)) return null;
  const path = req.url ?? "";
  if (!visible.test(path)) return null;
  if (path.startsWith("/")) return { host, path };
  const absolute = /^(https?):\/\/([^/?]+)(\/.*)?$/i.exec(path);
  if (absolute === null) return null;
  const [, scheme = "", authority = "", rest = "/"] = absolute;
  const asked = authority.toLowerCase();
  // The port that means the same as none (RFC 3986 6.2.3).
  const bare = asked.replace(scheme.toLowerCase() === "http" ? /:(80)?$/ : /:(443)?$/, "");
  return [asked, bare].includes(host.toLowerCase()) ? { host, path: rest } : null;
}

/** Characters of a target: more than RFC 3986 has, as real clients send them, but none that ends it for somebody (`#`). */
const visible = /^[!"$-~]+$/;

function hasSecondHost(rawHeaders: readonly string[]): boolean {
  let seen = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    if (name.length !== 4 || name.toLowerCase() !== "host") continue;
    if (seen) return true;
    seen = true;
  }
  return false;
}

/** Whether a body follows the headers (RFC 9112 6.3). */
export function hasBody(req: IncomingMessage): boolean {
  if (req.headers["transfer-encoding"] !== undefined) return true;
  const length = req.headers["content-length"];
  return length !== undefined && length !== "0";
}

/** Whether the connection is to speak another protocol from here on. `h2c` would bypass every check, so it is read as HTTP/1.1. */
export function wantsUpgrade(req: IncomingMessage): boolean {
  const wanted = req.headers.upgrade;
  return wanted !== undefined && req.method === "GET" && !hasBody(req) && /^websocket$/i.test(wanted.trim());
}
