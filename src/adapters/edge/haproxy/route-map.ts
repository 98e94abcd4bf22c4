import { sha256 } from "../../../base/digest.ts";
import type { Route, RouteTable } from "../../../model/route.ts";
import type { SlotLayout } from "./layout.ts";
import { type MapEntry, policyKey } from "./policies.ts";

/** Not a valid host: its value is the layout that HAProxy serves. */
export const serialKey = "!serial";
/** Instead of a pool: no upstream. */
export const noService = "none";
/** Instead of a pool: the upstream is in the entry itself. */
export const direct = "direct";

/**
 * The fields of a route in the map, in this order, with `|` between them. The configuration and the Lua program read
 * them by number, and so does a worker of a previous version that still has streams: new ones come last.
 */
export const fields = [
  "usual",
  "lease",
  "pool",
  "timeoutMs",
  "bodyBytes",
  "holdMs",
  "flags",
  "rateKey",
  "rateMost",
  "rateWindowMs",
  "policy",
  "ip",
  "port",
] as const;

/** What a route asks for beyond the usual, a letter each, so that only requests that need it are checked for it. */
export const flags = {
  secure: "s",
  contentSecurityPolicy: "p",
  cors: "c",
  canonical: "r",
  https: "h",
  maintenance: "m",
  inside: "i",
} as const;

export type RouteMapField = (typeof fields)[number];

/** The number of a field, counted from 1 as HAProxy and Lua do. */
export function fieldNumber(field: RouteMapField): number {
  return fields.indexOf(field) + 1;
}

/** What HAProxy says to read a field of a request's route. */
export function fact(field: RouteMapField): string {
  return `var(txn.route),field(${fieldNumber(field)},|)`;
}

/** What HAProxy says to ask whether a request's route has a flag. */
export function asks(flag: string): string {
  return `${fact("flags")} -m sub ${flag}`;
}

/** What HAProxy needs to know of every host: replaced as a whole, in one instant, by a change of any table. */
export function routeMap(tables: readonly RouteTable[], layout: SlotLayout): readonly MapEntry[] {
  const routed = new Map(layout.leases.filter((one) => one.routed).map((one) => [`${one.owner}\n${one.service}`, one]));
  const entries = tables.flatMap(({ owner, routes }) =>
    routes.flatMap((route) => {
      const lease = routed.get(`${owner}\n${route.service}`);
      const value = entryOf(owner, route, lease ? { lease: lease.number, pool: lease.pool } : {});
      return route.hosts.map((key) => ({ key, value }));
    }),
  );
  return [{ key: serialKey, value: String(layout.serial) }, ...entries];
}

/**
 * The same of one table, for a worker that a reload replaced: requests that wait at a held route are still with it, and
 * connections that are kept. What is in its pools cannot be changed any more, so it is told the first upstream itself;
 * requests that go there are recorded, but not counted.
 */
export function earlierEntries({ owner, routes }: RouteTable, layout: SlotLayout): readonly MapEntry[] {
  return routes.flatMap((route) => {
    const lease = layout.leases.find((one) => one.routed && one.owner === owner && one.service === route.service);
    const [seat] = lease?.seats ?? [];
    const place = lease && seat ? { lease: lease.number, pool: direct, ip: seat.ip, port: seat.port } : {};
    const value = entryOf(owner, route, place);
    return route.hosts.map((key) => ({ key, value }));
  });
}

/** Where an entry leads: into a pool, or to an address. */
interface Place {
  readonly lease?: number;
  readonly pool?: string;
  readonly ip?: string;
  readonly port?: number;
}

function entryOf(
  owner: string,
  route: Route,
  { lease = 0, pool = noService, ip = noService, port = 0 }: Place,
): string {
  const { rate } = route.limits;
  const most = rate === null ? 0 : Math.max(1, rate.burst);
  const asked = flagsOf(route);
  const usual = pool !== noService && rate === null && route.holdMs === null && usualFlags.has(asked);
  const value: Record<RouteMapField, string | number> = {
    usual: usual ? 1 : 0,
    lease,
    pool,
    timeoutMs: route.timeoutMs,
    bodyBytes: route.limits.bodyBytes,
    holdMs: route.holdMs ?? 0,
    flags: asked,
    // Clients keep their counts over a change that leaves the limit as it was.
    rateKey: rate === null ? noService : sha256(JSON.stringify([owner, route.service, rate])).slice(-12),
    rateMost: most,
    rateWindowMs: rate === null ? 0 : Math.ceil((rate.windowMs * most) / rate.requests),
    policy: policyKey(owner, route),
    ip,
    port,
  };
  return fields.map((field) => value[field]).join("|");
}

const usualFlags: ReadonlySet<string> = new Set([noService, flags.secure, flags.https, flags.secure + flags.https]);

function flagsOf({ headers, https, contentSecurityPolicy, cors, canonical, maintenance, inside }: Route): string {
  const asked = {
    secure: headers === "secure" || null,
    https: https === "redirect" || null,
    contentSecurityPolicy,
    cors,
    canonical,
    maintenance,
    inside,
  };
  const letters = Object.entries(flags).filter(([name]) => asked[name as keyof typeof asked] !== null);
  return letters.map(([, letter]) => letter).join("") || noService;
}
