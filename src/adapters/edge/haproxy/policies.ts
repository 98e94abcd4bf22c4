import { sha256 } from "../../../base/digest.ts";
import type { Maintenance } from "../../../model/environment.ts";
import type { Route, RouteTable } from "../../../model/route.ts";
import { maintenancePage, plainText, problemText } from "../table/own-pages.ts";

/** One line of a map of HAProxy's. */
export interface MapEntry {
  readonly key: string;
  readonly value: string;
}

/** HAProxy's own answers: it has no text for 308. */
export const ownStatuses = [400, 403, 404, 408, 413, 429, 500, 502, 503, 504];

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

/** The words for a status where HAProxy wants one line. */
export function plainLine(status: number): string {
  return plainText(status).trim().replace("\n", ": ");
}

/** Texts go through HAProxy's maps in base64, because an entry is one line. */
export function encoded(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

function entriesOf(key: string, route: Route): readonly MapEntry[] {
  const { canonical, cors, contentSecurityPolicy, pages, maintenance, inside } = route;
  const entries: [string, string][] = [502, 503, 504].map((status) => [`${status}.json`, encoded(problemText(status))]);
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
    ["closed.json", encoded(problemText(503, message))],
    ["closed.html", encoded(html)],
  ];
}
