import { authorityChars, authorityPattern, label } from "./authority.ts";

const namePattern = new RegExp(`^${label}(\\.${label})*$`);
const wholeAuthority = new RegExp(`^${authorityPattern}$`, "i");
const ipv6Pattern = /^\[[0-9a-f:.]{2,45}\]$/;

/** The name in a Host header in its one spelling: lower case, no port, no final dot. Null when it is not a host. */
export function hostName(header: string): string | null {
  const host = header
    .toLowerCase()
    .replace(/:\d{0,5}$/, "")
    .replace(/\.$/, "");
  return host.length <= 253 && (namePattern.test(host) || ipv6Pattern.test(host)) ? host : null;
}

/** Whether a request may have this as its Host header: what is no authority is answered 400, wherever it would have led. */
export function isAuthority(header: string): boolean {
  return header.length <= authorityChars && wholeAuthority.test(header);
}

/** A host of a route in its one spelling: a name, or `*.` and a name for all names one level below. Null when it is neither. */
export function hostPattern(text: string): string | null {
  const wild = text.startsWith("*.");
  const name = wild ? text.slice(2) : text;
  if (/:\d*$/.test(name)) return null;
  const host = hostName(name);
  return host === null ? null : wild ? `*.${host}` : host;
}

/** The pattern that covers a name one level up: `*.example.com` of `a.example.com`. */
export function wildcardOf(host: string): string {
  const dot = host.indexOf(".");
  return dot === -1 ? "*" : `*${host.slice(dot)}`;
}
