import { isIPv6 } from "node:net";
import { type Complaint, Fault } from "../../../base/faults.ts";
import type { Route, RouteTable, Upstream } from "../../../model/route.ts";
import { hostPattern } from "./hosts.ts";

/** Node's timers take at most 2^31-1 ms. */
const longestMs = 2 ** 31 - 1;
const mostRoutes = 1_000;
const mostHosts = 100;
const mostUpstreams = 1_000;

/** An owner names a file too, whose name may have 255 bytes. */
const ownerPattern = /^[A-Za-z0-9._-]{1,100}(?:\/[A-Za-z0-9._-]{1,100})?$/;

type Members = Readonly<Record<string, unknown>>;
type Complain = (path: string, message: string) => void;

/**
 * The table in a JSON value, with its hosts in their one spelling. Fault `route.invalid` names everything that is wrong
 * with it. The values come from another process, so nothing about them is taken for granted.
 */
export function checkTable(value: unknown): RouteTable {
  const complaints: Complaint[] = [];
  const complain: Complain = (path, message) => complaints.push({ path, message });
  const table = members(value);
  text(table["owner"], { most: 201, pattern: ownerPattern }) || complain("owner", "must look like app/environment");
  text(table["version"], { most: 200 }) || complain("version", "must be a text of 1 to 200 characters");
  const routes = list(table["routes"], mostRoutes);
  if (routes === null) complain("routes", `must be a list of at most ${mostRoutes}`);
  routes?.forEach((route, index) => {
    checkRoute(members(route), `routes[${index}]`, complain);
  });
  if (complaints.length === 0) checkUnique((routes ?? []) as Route[], complain);
  if (complaints.length > 0) throw invalid(complaints);
  const good = value as RouteTable;
  return { owner: good.owner, version: good.version, routes: good.routes.map(spellHosts) };
}

function invalid(complaints: readonly Complaint[]): Fault {
  const shown = complaints.slice(0, 20);
  const words = shown.map(({ path, message }) => `${path} ${message}`).join("; ");
  return new Fault("route.invalid", `The route table is invalid: ${words}.`, { complaints: shown });
}

function spellHosts(route: Route): Route {
  return { ...route, hosts: route.hosts.map((host) => hostPattern(host) ?? host) };
}

function checkRoute(route: Members, path: string, complain: Complain): void {
  text(route["service"], { most: 200 }) || complain(`${path}.service`, "must be a text of 1 to 200 characters");
  const hosts = list(route["hosts"], mostHosts);
  if (hosts === null || hosts.length === 0) complain(`${path}.hosts`, `must name 1 to ${mostHosts} hosts`);
  hosts?.forEach((host, index) => {
    if (typeof host !== "string" || hostPattern(host) === null) complain(`${path}.hosts[${index}]`, "is not a host");
  });
  const upstreams = list(route["upstreams"], mostUpstreams);
  if (upstreams === null) complain(`${path}.upstreams`, `must be a list of at most ${mostUpstreams}`);
  upstreams?.forEach((upstream, index) => {
    checkUpstream(members(upstream), `${path}.upstreams[${index}]`, complain);
  });
  if (route["holdMs"] !== null) whole(route["holdMs"], 1, longestMs) || complain(`${path}.holdMs`, "is out of range");
  whole(route["timeoutMs"], 1, longestMs) || complain(`${path}.timeoutMs`, "must be 1 ms to 24 days");
  checkLimits(members(route["limits"]), `${path}.limits`, complain);
  if (route["headers"] !== "secure" && route["headers"] !== "none") {
    complain(`${path}.headers`, "must be secure or none");
  }
}

function checkUpstream(upstream: Members, path: string, complain: Complain): void {
  text(upstream["id"], { most: 200 }) || complain(`${path}.id`, "must be a text of 1 to 200 characters");
  whole(upstream["release"], 0, Number.MAX_SAFE_INTEGER) || complain(`${path}.release`, "must be a whole number");
  isAddress(upstream["host"]) || complain(`${path}.host`, "is not an address");
  whole(upstream["port"], 1, 65_535) || complain(`${path}.port`, "must be 1 to 65535");
  const weight = upstream["weight"];
  const good = typeof weight === "number" && weight > 0 && weight <= 1e6;
  if (!good) complain(`${path}.weight`, "must be more than 0 and at most 1000000");
}

function checkLimits(limits: Members, path: string, complain: Complain): void {
  whole(limits["bodyBytes"], 0, Number.MAX_SAFE_INTEGER) || complain(`${path}.bodyBytes`, "must be a number of bytes");
  if (limits["rate"] === null) return;
  const rate = members(limits["rate"]);
  whole(rate["requests"], 1, 1e9) || complain(`${path}.rate.requests`, "must be at least 1");
  whole(rate["windowMs"], 1, longestMs) || complain(`${path}.rate.windowMs`, "must be 1 ms to 24 days");
  whole(rate["burst"], 0, 1e9) || complain(`${path}.rate.burst`, "must not be negative");
}

function checkUnique(routes: readonly Route[], complain: Complain): void {
  const hosts = new Set<string>();
  const services = new Set<string>();
  const ids = new Map<string, Upstream>();
  for (const [index, route] of routes.entries()) {
    if (services.has(route.service)) complain(`routes[${index}].service`, "is in the table twice");
    services.add(route.service);
    for (const host of route.hosts) {
      const spelled = hostPattern(host) ?? host;
      if (hosts.has(spelled)) complain(`routes[${index}].hosts`, `names ${spelled} a second time`);
      hosts.add(spelled);
    }
    for (const upstream of route.upstreams) {
      if (ids.has(upstream.id)) complain(`routes[${index}].upstreams`, `names ${upstream.id} a second time`);
      ids.set(upstream.id, upstream);
    }
  }
}

function isAddress(value: unknown): boolean {
  if (!text(value, { most: 253, pattern: /^[A-Za-z0-9._:-]+$/ })) return false;
  const host = String(value);
  return host.includes(":") ? isIPv6(host) : URL.canParse(`http://${host}`);
}

function members(value: unknown): Members {
  return typeof value === "object" && value !== null ? (value as Members) : {};
}

function list(value: unknown, most: number): readonly unknown[] | null {
  return Array.isArray(value) && value.length <= most ? value : null;
}

function text(value: unknown, rule: { most: number; pattern?: RegExp }): boolean {
  if (typeof value !== "string" || value.length === 0 || value.length > rule.most) return false;
  return rule.pattern === undefined || rule.pattern.test(value);
}

function whole(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}
