import { STATUS_CODES } from "node:http";
import { sha256 } from "../../../base/digest.ts";
import type { Maintenance } from "../../../model/environment.ts";
import type { Route, RouteTable } from "../../../model/route.ts";

/** One line of a map of HAProxy's. */
export interface MapEntry {
  readonly key: string;
  readonly value: string;
}

/** Answers of the edge itself. They name no app, no host and no address. */
const words: Readonly<Record<number, string>> = {
  400: "This request is invalid.",
  403: "This origin is not allowed to call this site.",
  404: "There is no site here.",
  408: "The request took too long to arrive.",
  413: "The request is too large for this site.",
  429: "Too many requests. Try again later.",
  500: "Something went wrong here.",
  502: "The site did not answer. Try again.",
  503: "The site is not available at the moment. Try again.",
  504: "The site took too long to answer.",
};

export const ownStatuses = Object.keys(words).map(Number);

/** A page that is larger does not fit into HAProxy's buffer beside its headers; the plain words stand in for it. */
export const pageBytes = 16 * 1024;

/** What a route says that is more than a word, by keys that begin with its policy's; looked up by those requests that need it. */
export function policyEntries(tables: readonly RouteTable[]): readonly MapEntry[] {
  return tables.flatMap(({ owner, routes }) => routes.flatMap((route) => entriesOf(policyKey(owner, route), route)));
}

/** Names a route's policy by its content, so that an entry never changes. */
export function policyKey(owner: string, route: Route): string {
  const { service, canonical, https, cors, contentSecurityPolicy, pages, maintenance, inside } = route;
  const policy = [owner, service, canonical, https, cors, contentSecurityPolicy, pages, maintenance, inside?.callers];
  return sha256(JSON.stringify(policy)).slice(-16);
}

/** The plain words for a status, as clients that want neither HTML nor JSON get them. */
export function plainText(status: number, said = words[status] ?? ""): string {
  return `${status} ${STATUS_CODES[status] ?? ""}\n${said}\n`;
}

/** The same where HAProxy wants one line. */
export function plainLine(status: number): string {
  return plainText(status).trim().replace("\n", ": ");
}

/** Texts go through HAProxy's maps in base64, because an entry is one line. */
export function encoded(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

function entriesOf(key: string, route: Route): readonly MapEntry[] {
  const { canonical, cors, contentSecurityPolicy, pages, maintenance, inside } = route;
  const entries: [string, string][] = [502, 503, 504].map((status) => [`${status}.json`, encoded(problem(status))]);
  for (const [status, page] of Object.entries(pages)) {
    const shown = status === "503" ? page : inOneLine(page);
    if (shown !== null && Buffer.byteLength(shown) <= pageBytes) entries.push([`${status}.html`, encoded(shown)]);
  }
  if (canonical !== null) entries.push(["canonical", canonical]);
  if (contentSecurityPolicy !== null) entries.push(["csp", contentSecurityPolicy]);
  if (maintenance !== null) entries.push(...maintenanceEntries(maintenance));
  if (inside !== null) entries.push(["callers", inside.callers.join(",")]);
  if (cors !== null) {
    for (const origin of cors.origins) entries.push([`origin.${origin}`, origin]);
    entries.push(["cors.methods", cors.methods.join(", ")], ["cors.age", String(cors.maxAgeS)]);
    if (cors.headers.length > 0) entries.push(["cors.headers", cors.headers.join(", ")]);
    if (cors.expose.length > 0) entries.push(["cors.expose", cors.expose.join(", ")]);
    if (cors.credentials) entries.push(["cors.credentials", "true"]);
  }
  return entries.map(([name, value]) => ({ key: `${key}.${name}`, value }));
}

/** HAProxy's own errors have room for one line; null where its ends mean something. */
function inOneLine(page: string): string | null {
  const lines = page.trim();
  return /[\r\n]/.test(lines) && /<(?:script|pre|textarea)\b/i.test(lines) ? null : lines.replace(/[\r\n\t]+/g, " ");
}

function maintenanceEntries({ message, page }: Maintenance): [string, string][] {
  const html = page !== null && Buffer.byteLength(page) <= pageBytes ? page : maintenancePage(message);
  return [
    ["closed.text", encoded(plainText(503, message))],
    ["closed.json", encoded(problem(503, message))],
    ["closed.html", encoded(html)],
  ];
}

function problem(status: number, detail = words[status] ?? ""): string {
  return JSON.stringify({ type: "about:blank", title: STATUS_CODES[status] ?? "", status, detail });
}

function maintenancePage(message: string): string {
  const escaped = message.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const style = "font-family:system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;text-align:center";
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Maintenance</title>`;
  return `<!doctype html><html lang="en"><head>${head}</head><body style="${style}"><p>${escaped}</p></body></html>\n`;
}
