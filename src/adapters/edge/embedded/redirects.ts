import type { Route } from "../../../model/route.ts";
import { challengePrefix } from "../table/challenges.ts";
import { hostName } from "../table/hosts.ts";
import type { RequestTarget } from "./request-checks.ts";

/** Where the edge answers HTTPS, and for which hosts it has a certificate. */
export interface SecureDoor {
  readonly port: number;
  has(host: string): boolean;
}

export interface AskedTarget {
  readonly target: RequestTarget;
  readonly proto: "http" | "https";
}

/**
 * Where a request belongs instead, in one step: at the canonical host, and at HTTPS where there is a certificate for that
 * host. Null: it is where it belongs.
 */
export function redirectOf(
  { canonical, https }: Pick<Route, "canonical" | "https">,
  { target, proto }: AskedTarget,
  door: SecureDoor | null,
): string | null {
  if (canonical === null && (https === "both" || door === null || proto === "https")) return null;
  // Certificate authorities ask there over plain HTTP and may not be sent elsewhere (RFC 8555 8.3).
  if (target.path.startsWith(challengePrefix)) return null;
  const asked = hostName(target.host) ?? "";
  const host = canonical ?? asked;
  const toSecure = https === "redirect" && proto === "http" && door?.has(host) === true;
  if (host === asked && !toSecure) return null;
  if (toSecure) return `https://${host}${door.port === 443 ? "" : `:${door.port}`}${target.path}`;
  const port = /:\d+$/.exec(target.host)?.[0] ?? "";
  return `${proto}://${host}${port}${target.path}`;
}
