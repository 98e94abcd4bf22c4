import { hostPattern } from "./hosts.ts";
import { isText, list, longestMs, type Members, members, type Report, whole } from "./values.ts";

/** What may stand in one line of a header (RFC 9110 5.5). */
const line = /^[\x20-\x7e]+$/;
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** Characters of a page; a manifest's are at most 64 KB. */
const pageLength = 64 * 1024;

/** Reports the rules of a route: everything that is not its hosts and upstreams. */
export function checkRules(route: Members, path: string, report: Report): void {
  whole(route["timeoutMs"], 1, longestMs) || report(`${path}.timeoutMs`, "must be 1 ms to 24 days");
  checkLimits(members(route["limits"]), `${path}.limits`, report);
  isOneOf(route["headers"], ["secure", "none"]) || report(`${path}.headers`, "must be secure or none");
  isOneOf(route["https"], ["redirect", "both"]) || report(`${path}.https`, "must be redirect or both");
  const { contentSecurityPolicy: policy, canonical } = route;
  if (policy !== null)
    isText(policy, { most: 8_192, pattern: line }) || report(`${path}.contentSecurityPolicy`, notLine);
  if (route["cors"] !== null) checkCors(members(route["cors"]), `${path}.cors`, report);
  if (canonical !== null && !hostsOf(route).includes(hostPattern(String(canonical)))) {
    report(`${path}.canonical`, "is not one of the hosts");
  }
  checkPages(members(route["pages"]), `${path}.pages`, report);
  if (route["maintenance"] !== null) checkMaintenance(members(route["maintenance"]), `${path}.maintenance`, report);
}

const notLine = "must be one line of plain characters";

function hostsOf(route: Members): readonly unknown[] {
  return (list(route["hosts"], 100) ?? []).map((host) => (typeof host === "string" ? hostPattern(host) : null));
}

function checkLimits(limits: Members, path: string, report: Report): void {
  whole(limits["bodyBytes"], 0, Number.MAX_SAFE_INTEGER) || report(`${path}.bodyBytes`, "must be a number of bytes");
  if (limits["rate"] === null) return;
  const rate = members(limits["rate"]);
  whole(rate["requests"], 1, 1e9) || report(`${path}.rate.requests`, "must be at least 1");
  whole(rate["windowMs"], 1, longestMs) || report(`${path}.rate.windowMs`, "must be 1 ms to 24 days");
  whole(rate["burst"], 0, 1e9) || report(`${path}.rate.burst`, "must not be negative");
}

function checkCors(cors: Members, path: string, report: Report): void {
  const origins = list(cors["origins"], 100);
  if (origins === null || origins.length === 0) report(`${path}.origins`, "must name 1 to 100 origins");
  for (const origin of origins ?? [])
    isText(origin, { most: 300, pattern: line }) || report(`${path}.origins`, notLine);
  for (const key of ["methods", "headers", "expose"]) {
    const names = list(cors[key], 100);
    const good = names?.every((name) => isText(name, { most: 100, pattern: headerName })) ?? false;
    if (!good) report(`${path}.${key}`, "must be a list of names");
  }
  if (typeof cors["credentials"] !== "boolean") report(`${path}.credentials`, "must be true or false");
  else if (cors["credentials"] && origins?.includes("*")) report(path, "lets any origin send credentials");
  whole(cors["maxAgeS"], 0, 86_400) || report(`${path}.maxAgeS`, "must be at most a day");
}

function checkPages(pages: Members, path: string, report: Report): void {
  for (const [status, page] of Object.entries(pages)) {
    if (!/^50[234]$/.test(status)) report(`${path}.${status}`, "is not a status with a page");
    else if (typeof page !== "string" || page.length > pageLength) report(`${path}.${status}`, "is not a page");
  }
}

function checkMaintenance({ message, page }: Members, path: string, report: Report): void {
  const good = typeof message === "string" && message.length <= 1_000;
  if (!good) report(`${path}.message`, "must be a text of at most 1000 characters");
  if (page === null || (typeof page === "string" && page.length <= pageLength)) return;
  report(`${path}.page`, "is not a page");
}

function isOneOf(value: unknown, words: readonly string[]): boolean {
  return typeof value === "string" && words.includes(value);
}
