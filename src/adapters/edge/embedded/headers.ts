import { randomUUID } from "node:crypto";
import { type IncomingHttpHeaders, type IncomingMessage, STATUS_CODES } from "node:http";
import type { RouteRules } from "../../../model/release.ts";
import { securityHeaders } from "../../../model/route.ts";
import { isDropped, notReturned } from "../table/forwarding.ts";
import type { RequestTarget } from "./request-checks.ts";

/** Beside what is dropped on both edges: what Node and undici say themselves, and `Expect`, which the edge answers. */
const notForwarded = new Set(["connection", "transfer-encoding", "upgrade", "expect"]);

const ownInAnswers = new Set([...notReturned, "connection", "transfer-encoding", "upgrade", "x-request-id"]);

/** Headers that a route adds to an answer where the app has not sent them. */
export type Added = readonly (readonly [name: string, value: string])[];

/** Headers of an answer that get another value; null drops one. */
export type HeaderChange = Readonly<Record<string, string | null>>;

/** What a route adds to every answer, by how its client came; null when nothing is. */
export type Protections = Readonly<Record<"http" | "https", Added>>;

export function protectionsOf({ headers, contentSecurityPolicy }: RouteRules): Protections | null {
  const policy: Added = contentSecurityPolicy === null ? [] : [["content-security-policy", contentSecurityPolicy]];
  if (headers === "none") return policy.length === 0 ? null : { http: policy, https: policy };
  const http = [...securityHeaders.always, ...policy];
  return { http, https: [...http, ...securityHeaders.overTls] };
}

/** The client's own request id where it is harmless in logs and headers, else a new one. */
export function requestIdOf(req: IncomingMessage): string {
  const given = req.headers["x-request-id"];
  return typeof given === "string" && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();
}

/** Address of the client as an app wants to read it. */
export function clientAddress(req: IncomingMessage): string {
  return connectionAddress(req.socket.remoteAddress ?? "");
}

/** An address in its one spelling: IPv4 without the prefix that it has on a dual-stack socket. */
export function connectionAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

/** What the client speaks with the edge itself. */
export function protocolOf(req: IncomingMessage): "http" | "https" {
  return "encrypted" in req.socket ? "https" : "http";
}

export interface Forwarding {
  readonly target: RequestTarget;
  readonly address: string;
  readonly proto: "http" | "https";
  /** `X-Forwarded-For` of a proxy that is believed, continued; null: the edge is the first. */
  readonly chain: string | null;
  /** The port that a PROXY protocol header says the client asked; null: there was none. */
  readonly port: number | null;
  readonly isSecret: boolean;
  readonly requestId: string;
}

/** The headers for the app, name and value in turn, with only trusted information about proxies. */
export function requestHeaders(
  req: IncomingMessage,
  { target, address, proto, chain, port, isSecret, requestId }: Forwarding,
): string[] {
  const listed = connectionListed(req.headers.connection);
  const headers: string[] = [];
  const raw = req.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const lower = name.toLowerCase();
    if (notForwarded.has(lower) || listed?.has(lower) || isDropped(lower)) continue;
    if (isSecret && lower === "accept-encoding") continue;
    headers.push(name, raw[i + 1] ?? "");
  }
  const asked = /:(\d+)$/.exec(target.host)?.[1] ?? port?.toString() ?? portBehind(req, proto);
  headers.push("x-forwarded-for", chain ?? address, "x-real-ip", address, "x-forwarded-proto", proto);
  headers.push("x-forwarded-host", target.host, "x-forwarded-port", asked, "x-request-id", requestId);
  return headers;
}

/** The port that the client asked without naming it: the protocol's own where a proxy in front speaks another one with us. */
function portBehind(req: IncomingMessage, proto: "http" | "https"): string {
  if (proto !== protocolOf(req)) return proto === "https" ? "443" : "80";
  return String(req.socket.localPort ?? 80);
}

export type AnswerHeaders = IncomingHttpHeaders | Record<string, string | string[] | undefined>;

/**
 * The headers for the client, name and value in turn, a character a byte. `change` replaces headers of the app. Content-Length comes
 * last: where it is known before, Node reads the bytes of a Content-Disposition as UTF-8 and writes others or none.
 */
export function responseHeaders(
  headers: AnswerHeaders,
  options: { requestId: string; added: Added | null; change: HeaderChange | null },
): (string | string[])[] {
  const listed = connectionListed(headers["connection"]);
  const { change, added } = options;
  const answer: (string | string[])[] = [];
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name === "content-length" || ownInAnswers.has(name) || listed?.has(name)) continue;
    if (change === null || !(name in change)) answer.push(name, value);
  }
  for (const name in change) {
    const value = change[name];
    if (value !== null && value !== undefined) answer.push(name, value);
  }
  if (added !== null) for (const [name, value] of added) if (headers[name] === undefined) answer.push(name, value);
  answer.push("x-request-id", options.requestId);
  const length = change !== null && "content-length" in change ? null : headers["content-length"];
  if (typeof length === "string") answer.push("content-length", length);
  return answer;
}

/** Fields behind a chunked answer, without those that would say something of its frame or route (RFC 9110 6.5.1). */
export function trailerFields(trailers: AnswerHeaders): [string, string][] {
  return Object.entries(trailers).flatMap(([name, value]) => {
    if (value === undefined || ownInAnswers.has(name) || neverBehind.has(name)) return [];
    return [value].flat().map((one): [string, string] => [name, one]);
  });
}

const neverBehind = new Set([
  "content-length",
  "content-encoding",
  "content-type",
  "content-range",
  "host",
  "set-cookie",
]);

/** A Vary header that names this one too. */
export function withVary(value: string | string[] | null | undefined, name: string): string {
  const given = String(value ?? "");
  if (given === "") return name;
  const known = given.toLowerCase().split(",");
  return given === "*" || known.some((one) => one.trim() === name.toLowerCase()) ? given : `${given}, ${name}`;
}

/** Headers that a Connection header takes out of the message, or null in the usual case. Framing headers cannot be listed. */
function connectionListed(value: string | string[] | undefined): ReadonlySet<string> | null {
  if (value === undefined || value === "keep-alive" || value === "close") return null;
  const names = String(value).toLowerCase().split(",");
  const listed = new Set(names.map((name) => name.trim()));
  for (const kept of ["host", "content-length", "keep-alive", "close"]) listed.delete(kept);
  return listed.size === 0 ? null : listed;
}

/**
 * The head of an answer for the wire, a character a byte: to be written as `latin1`. The values come from Node's parser or from this
 * file, so they hold no line ends.
 */
export function headText(status: number, headers: readonly (string | string[])[]): string {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`];
  for (let i = 0; i < headers.length; i += 2) {
    for (const value of [headers[i + 1] ?? ""].flat()) lines.push(`${String(headers[i])}: ${value}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}
