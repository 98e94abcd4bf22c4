import { isIPv4, isIPv6 } from "node:net";
import { type Diagnostic, Fault } from "../../../base/faults.ts";
import { parseNetwork } from "../../../base/network.ts";
import { plainRules } from "../../../model/release.ts";
import type { Route, RouteTable, Upstream } from "../../../model/route.ts";
import { hostPattern } from "./hosts.ts";
import { checkRules } from "./validate-rules.ts";
import { isText, list, longestMs, type Members, members, type Report, whole } from "./values.ts";

const mostRoutes = 1_000;
const mostHosts = 100;
const mostUpstreams = 1_000;

/** An owner names a file too, whose name may have 255 bytes. */
const ownerPattern = /^[A-Za-z0-9._-]{1,100}(?:\/[A-Za-z0-9._-]{1,100})?$/;

/**
 * The table in a JSON value, with its hosts in their one spelling. Fault `route.invalid` names everything that is wrong
 * with it. The values come from another process, so nothing about them is taken for granted.
 */
export function checkTable(value: unknown): RouteTable {
  const diagnostics: Diagnostic[] = [];
  const report: Report = (path, message) => diagnostics.push({ path, message });
  const table = members(value);
  isText(table["owner"], { most: 201, pattern: ownerPattern }) || report("owner", "must look like app/environment");
  isText(table["version"], { most: 200 }) || report("version", "must be a text of 1 to 200 characters");
  const routes = list(table["routes"], mostRoutes)?.map(withNewRules) ?? null;
  if (routes === null) report("routes", `must be a list of at most ${mostRoutes}`);
  routes?.forEach((route, index) => {
    checkRoute(members(route), `routes[${index}]`, report);
  });
  if (diagnostics.length === 0) checkUnique((routes ?? []) as Route[], report);
  if (diagnostics.length > 0) throw invalid(diagnostics);
  const good = { ...(value as RouteTable), routes: (routes ?? []) as Route[] };
  return { owner: good.owner, version: good.version, routes: good.routes.map(spellHosts) };
}

function invalid(diagnostics: readonly Diagnostic[]): Fault {
  const shown = diagnostics.slice(0, 20);
  const words = shown.map(({ path, message }) => `${path} ${message}`).join("; ");
  return new Fault("route.invalid", `The route table is invalid: ${words}.`, { diagnostics: shown });
}

/** A table that a previous version kept on disk does not say what that one did not know. */
function withNewRules(route: unknown): unknown {
  const { contentSecurityPolicy, cors, canonical, https, pages } = plainRules;
  return { contentSecurityPolicy, cors, canonical, https, pages, maintenance: null, inside: null, ...members(route) };
}

function spellHosts(route: Route): Route {
  return { ...route, hosts: route.hosts.map((host) => hostPattern(host) ?? host) };
}

function checkRoute(route: Members, path: string, report: Report): void {
  isText(route["service"], { most: 200 }) || report(`${path}.service`, "must be a text of 1 to 200 characters");
  const hosts = list(route["hosts"], mostHosts);
  if (hosts === null || hosts.length === 0) report(`${path}.hosts`, `must name 1 to ${mostHosts} hosts`);
  hosts?.forEach((host, index) => {
    if (typeof host !== "string" || hostPattern(host) === null) report(`${path}.hosts[${index}]`, "is not a host");
  });
  const upstreams = list(route["upstreams"], mostUpstreams);
  if (upstreams === null) report(`${path}.upstreams`, `must be a list of at most ${mostUpstreams}`);
  upstreams?.forEach((upstream, index) => {
    checkUpstream(members(upstream), `${path}.upstreams[${index}]`, report);
  });
  if (route["holdMs"] !== null) whole(route["holdMs"], 1, longestMs) || report(`${path}.holdMs`, "is out of range");
  if (route["inside"] !== null) checkInside(members(route["inside"]), `${path}.inside`, report);
  checkRules(route, path, report);
}

function checkInside(inside: Members, path: string, report: Report): void {
  const callers = list(inside["callers"], 100);
  const isNetwork = (one: unknown) => typeof one === "string" && parseNetwork(one)?.family === "ipv4";
  if (!callers?.every(isNetwork)) report(`${path}.callers`, "must be a list of IPv4 networks");
  const doors = list(inside["doors"], 100);
  if (!doors?.every((door) => typeof door === "string" && isIPv4(door))) {
    report(`${path}.doors`, "must be a list of IPv4 addresses");
  }
}

function checkUpstream(upstream: Members, path: string, report: Report): void {
  isText(upstream["id"], { most: 200 }) || report(`${path}.id`, "must be a text of 1 to 200 characters");
  whole(upstream["release"], 0, Number.MAX_SAFE_INTEGER) || report(`${path}.release`, "must be a whole number");
  isAddress(upstream["host"]) || report(`${path}.host`, "is not an address");
  whole(upstream["port"], 1, 65_535) || report(`${path}.port`, "must be 1 to 65535");
  const weight = upstream["weight"];
  const good = typeof weight === "number" && weight > 0 && weight <= 1e6;
  if (!good) report(`${path}.weight`, "must be more than 0 and at most 1000000");
}

function checkUnique(routes: readonly Route[], report: Report): void {
  const hosts = new Set<string>();
  const services = new Set<string>();
  const ids = new Map<string, Upstream>();
  for (const [index, route] of routes.entries()) {
    if (services.has(route.service)) report(`routes[${index}].service`, "is twice in the table");
    services.add(route.service);
    for (const host of route.hosts) {
      const spelled = hostPattern(host) ?? host;
      if (hosts.has(spelled)) report(`routes[${index}].hosts`, `names ${spelled} a second time`);
      hosts.add(spelled);
    }
    for (const upstream of route.upstreams) {
      if (ids.has(upstream.id)) report(`routes[${index}].upstreams`, `names ${upstream.id} a second time`);
      ids.set(upstream.id, upstream);
    }
  }
}

function isAddress(value: unknown): boolean {
  if (!isText(value, { most: 253, pattern: /^[A-Za-z0-9._:-]+$/ })) return false;
  const host = String(value);
  return host.includes(":") ? isIPv6(host) : URL.canParse(`http://${host}`);
}
