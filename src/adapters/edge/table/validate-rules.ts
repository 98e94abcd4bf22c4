import { hostPattern } from "./hosts.ts";
import { type Complain, list, longestMs, type Members, members, text, whole } from "./values.ts";

/** What may stand in one line of a header (RFC 9110 5.5). */
const line = /^[\x20-\x7e]+$/;
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** Characters of a page; a manifest's are at most 64 KB. */
const pageLength = 64 * 1024;

/** Complains about the rules of a route: everything that is not its hosts and upstreams. */
export function checkRules(route: Members, path: string, complain: Complain): void {
  whole(route["timeoutMs"], 1, longestMs) || complain(`${path}.timeoutMs`, "must be 1 ms to 24 days");
  checkLimits(members(route["limits"]), `${path}.limits`, complain);
  isOneOf(route["headers"], ["secure", "none"]) || complain(`${path}.headers`, "must be secure or none");
  isOneOf(route["https"], ["redirect", "both"]) || complain(`${path}.https`, "must be redirect or both");
  const { contentSecurityPolicy: policy, canonical } = route;
  if (policy !== null)
    text(policy, { most: 8_192, pattern: line }) || complain(`${path}.contentSecurityPolicy`, notLine);
  if (route["cors"] !== null) checkCors(members(route["cors"]), `${path}.cors`, complain);
  if (canonical !== null && !hostsOf(route).includes(hostPattern(String(canonical)))) {
    complain(`${path}.canonical`, "is not one of the hosts");
  }
  checkPages(members(route["pages"]), `${path}.pages`, complain);
  if (route["maintenance"] !== null) checkMaintenance(members(route["maintenance"]), `${path}.maintenance`, complain);
}

const notLine = "must be one line of plain characters";

function hostsOf(route: Members): readonly unknown[] {
  return (list(route["hosts"], 100) ?? []).map((host) => (typeof host === "string" ? hostPattern(host) : null));
}

function checkLimits(limits: Members, path: string, complain: Complain): void {
  whole(limits["bodyBytes"], 0, Number.MAX_SAFE_INTEGER) || complain(`${path}.bodyBytes`, "must be a number of bytes");
  if (limits["rate"] === null) return;
  const rate = members(limits["rate"]);
  whole(rate["requests"], 1, 1e9) || complain(`${path}.rate.requests`, "must be at least 1");
  whole(rate["windowMs"], 1, longestMs) || complain(`${path}.rate.windowMs`, "must be 1 ms to 24 days");
  whole(rate["burst"], 0, 1e9) || complain(`${path}.rate.burst`, "must not be negative");
}

function checkCors(cors: Members, path: string, complain: Complain): void {
  const origins = list(cors["origins"], 100);
  if (origins === null || origins.length === 0) complain(`${path}.origins`, "must name 1 to 100 origins");
  for (const origin of origins ?? [])
    text(origin, { most: 300, pattern: line }) || complain(`${path}.origins`, notLine);
  for (const key of ["methods", "headers", "expose"]) {
    const names = list(cors[key], 100);
    const good = names?.every((name) => text(name, { most: 100, pattern: headerName })) ?? false;
    if (!good) complain(`${path}.${key}`, "must be a list of names");
  }
  if (typeof cors["credentials"] !== "boolean") complain(`${path}.credentials`, "must be true or false");
  else if (cors["credentials"] && origins?.includes("*")) complain(path, "lets any origin send credentials");
  whole(cors["maxAgeS"], 0, 86_400) || complain(`${path}.maxAgeS`, "must be at most a day");
}

function checkPages(pages: Members, path: string, complain: Complain): void {
  for (const [status, page] of Object.entries(pages)) {
    if (!/^50[234]$/.test(status)) complain(`${path}.${status}`, "is no status with a page");
    else if (typeof page !== "string" || page.length > pageLength) complain(`${path}.${status}`, "is not a page");
  }
}

function checkMaintenance({ message, page }: Members, path: string, complain: Complain): void {
  const good = typeof message === "string" && message.length <= 1_000;
  if (!good) complain(`${path}.message`, "must be a text of at most 1000 characters");
  if (page === null || (typeof page === "string" && page.length <= pageLength)) return;
  complain(`${path}.page`, "is not a page");
}

function isOneOf(value: unknown, words: readonly string[]): boolean {
  return typeof value === "string" && words.includes(value);
}
