/**
 * Headers by which a proxy says for whom it speaks: these and all that begin like `x-forwarded-`. App servers read `_` in a name
 * as `-`, so a name is meant in both spellings.
 */
export const forwardingHeaders: readonly string[] = [
  ...["forwarded", "via", "x-forwarded", "x-real-ip", "client-ip", "x-client-ip", "x-cluster-client-ip"],
  ...["true-client-ip", "fastly-client-ip", "cf-connecting-ip", "cf-connecting-ipv6", "fly-client-ip"],
  ...["x-azure-clientip", "x-appengine-user-ip", "x-envoy-external-address", "cdn-loop"],
];
export const forwardingPrefixes: readonly string[] = ["x-forwarded-"];

/** Headers that frameworks take for another path, or for the proxy of a program's own requests (httpoxy, CVE-2016-5385). */
const misread: readonly string[] = [
  ...["proxy", "x-request-id"],
  // How the client came in, and below which path and host the app is, as older ones write it.
  ...["front-end-https", "x-scheme", "x-url-scheme", "x-script-name", "x-host", "x-http-host-override"],
];
const misreadPrefixes: readonly string[] = ["x-original-", "x-rewrite-"];

/** Headers of an answer for one connection only (RFC 9110 7.6.1), beside those by which each edge frames it. */
export const notReturned: readonly string[] = ["keep-alive", "proxy-connection", "proxy-authenticate", "te", "trailer"];
/** What an app could say about CORS, in any answer and in one to a preflight: a route's policy stands in the place of all of it. */
export const answerCors = [
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-expose-headers",
];
export const preflightCors = ["access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"];
/** Headers of a request for one connection only. */
const hopByHop: readonly string[] = [...notReturned, "proxy-authorization", "http2-settings"];

/** Of what tells this goes no further. `Via` and what providers call the client are an app's own to believe or not. */
const replaced: readonly string[] = ["forwarded", "x-forwarded", "x-real-ip"];

const dropped: ReadonlySet<string> = new Set([...replaced, ...misread, ...hopByHop]);
const droppedPrefixes: readonly string[] = [...forwardingPrefixes, ...misreadPrefixes];

/** With `_` these would be read as what says how long and of what kind a body is. */
const framing = /^(content_.*|transfer_encoding)$/;

/** Whether a request's header, in lower case, goes no further: what the app reads of that kind is the edge's own word. */
export function isDropped(name: string): boolean {
  if (!name.includes("_")) return dropped.has(name) || begins(name, droppedPrefixes);
  const dashed = name.replaceAll("_", "-");
  return dropped.has(dashed) || begins(dashed, droppedPrefixes) || framing.test(name);
}

/** Whether a header, in lower case, says that its request came from beyond the one who sent it. */
export function isForwarding(name: string): boolean {
  const dashed = name.replaceAll("_", "-");
  return forwardingHeaders.includes(dashed) || begins(dashed, forwardingPrefixes);
}

function begins(name: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => name.startsWith(prefix));
}

/** The same as `isDropped` for PCRE. */
const eitherWay = (names: readonly string[]) => names.map((name) => name.replaceAll("-", "[-_]"));
const headed = (prefixes: readonly string[]) => eitherWay(prefixes).map((prefix) => `${prefix}.*`);
export const droppedPattern = `^(${[...eitherWay([...dropped]), ...headed(droppedPrefixes), "content_.*", "transfer_encoding"].join("|")})$`;
