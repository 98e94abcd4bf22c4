import { Fault } from "../../../base/faults.ts";
import type { Route, RouteTable, Upstream, UpstreamStats } from "../../../model/route.ts";
import { hostName, wildcardOf } from "../table/hosts.ts";
import { insidersOf } from "../table/inside.ts";
import { Balance } from "./balance.ts";
import { Connections } from "./connections.ts";
import { type Protections, protectionsOf } from "./headers.ts";
import { RateLimiter } from "./rate.ts";
import { embeddedSettings } from "./settings.ts";
import { Tally } from "./tally.ts";

/** An upstream with what the edge keeps of it while tables change. */
export interface LiveUpstream {
  readonly spec: Upstream;
  readonly weight: number;
  readonly connections: Connections;
  readonly tally: Tally;
}

/** A route of the table that serves now. */
export interface LiveRoute {
  readonly owner: string;
  readonly spec: Route;
  readonly upstreams: readonly LiveUpstream[];
  readonly balance: Balance<LiveUpstream>;
  readonly limiter: RateLimiter | null;
  /** Allowed callers; null: everybody. */
  readonly insiders: ((address: string) => boolean) | null;
  readonly protections: Protections | null;
}

interface LiveTable {
  readonly table: RouteTable;
  readonly routes: readonly LiveRoute[];
}

/** More Host headers than this in one table's life are made up by somebody. */
const rememberedHosts = 10_000;

/** The tables of all owners, by host. A change is one assignment: a request sees the old table or the new one. */
export class LiveTables {
  readonly #tables = new Map<string, LiveTable>();
  readonly #hosts = new Map<string, LiveRoute>();
  /** Host headers as they were sent → their route, so that a known one costs one lookup. */
  readonly #seen = new Map<string, LiveRoute>();
  /** Removed upstreams with running requests; by owner. */
  readonly #left = new Map<string, Set<LiveUpstream>>();

  get(owner: string): RouteTable | null {
    return this.#tables.get(owner)?.table ?? null;
  }

  routes(): readonly Route[] {
    return [...this.#tables.values()].flatMap(({ table }) => table.routes);
  }

  owners(): readonly string[] {
    return [...this.#tables.keys()].sort();
  }

  /** Fault `route.host-taken` when another owner has one of its hosts. */
  check(table: RouteTable): void {
    for (const route of table.routes) {
      for (const host of route.hosts) {
        const taken = this.#hosts.get(host);
        if (taken === undefined || taken.owner === table.owner) continue;
        throw new Fault(
          "route.host-taken",
          `${host} belongs to ${taken.owner}; the routes of ${table.owner} were not changed.`,
        );
      }
    }
  }

  /** Serves a checked table from now on. */
  apply(table: RouteTable): void {
    const before = this.#tables.get(table.owner);
    const known = new Map(before?.routes.flatMap((route) => route.upstreams).map((up) => [up.spec.id, up]));
    const routes = table.routes.map((spec) => {
      const upstreams = spec.upstreams.map((upstream) => this.#upstream(table.owner, upstream, known.get(upstream.id)));
      const old = before?.routes.find((route) => route.spec.service === spec.service);
      const balance = new Balance(upstreams);
      const more = { limiter: limiterFor(spec, old), insiders: insidersOf(spec), protections: protectionsOf(spec) };
      return { owner: table.owner, spec, upstreams, balance, ...more };
    });
    this.#replace(table.owner, { table, routes });
  }

  remove(owner: string): void {
    this.#replace(owner, null);
  }

  /** The route for a Host header. */
  find(header: string): LiveRoute | undefined {
    const seen = this.#seen.get(header);
    if (seen !== undefined) return seen;
    const host = hostName(header);
    if (host === null) return undefined;
    const route = this.#hosts.get(host) ?? this.#hosts.get(wildcardOf(host));
    if (route !== undefined) {
      if (this.#seen.size >= rememberedHosts) this.#seen.clear();
      this.#seen.set(header, route);
    }
    return route;
  }

  /** By upstream id: those in the table, and removed ones with running requests. */
  stats(owner: string): Readonly<Record<string, UpstreamStats>> {
    const left = this.#left.get(owner) ?? new Set<LiveUpstream>();
    for (const upstream of left) if (upstream.tally.active === 0) left.delete(upstream);
    const current = this.#tables.get(owner)?.routes.flatMap((route) => route.upstreams) ?? [];
    return Object.fromEntries([...left, ...current].map((upstream) => [upstream.spec.id, upstream.tally.stats()]));
  }

  #replace(owner: string, next: LiveTable | null): void {
    const before = this.#tables.get(owner);
    for (const route of before?.routes ?? []) for (const host of route.spec.hosts) this.#hosts.delete(host);
    if (next === null) this.#tables.delete(owner);
    else this.#tables.set(owner, next);
    for (const route of next?.routes ?? []) for (const host of route.spec.hosts) this.#hosts.set(host, route);
    this.#seen.clear();
    const current = new Set(next?.routes.flatMap((route) => route.upstreams).map((up) => up.connections));
    for (const upstream of before?.routes.flatMap((route) => route.upstreams) ?? []) {
      if (!current.has(upstream.connections)) this.#leave(owner, upstream);
    }
  }

  #leave(owner: string, upstream: LiveUpstream): void {
    upstream.connections.close();
    const left = this.#left.get(owner) ?? new Set();
    for (const other of left) if (other.tally.active === 0) left.delete(other);
    if (upstream.tally.active > 0) left.add(upstream);
    this.#left.set(owner, left);
  }

  /** The same instance at the same address keeps its connections; the same instance keeps its counts. */
  #upstream(owner: string, spec: Upstream, known: LiveUpstream | undefined): LiveUpstream {
    const back = [...(this.#left.get(owner) ?? [])].find((upstream) => upstream.spec.id === spec.id);
    const tally = known?.tally ?? back?.tally ?? new Tally();
    const same = known?.spec.host === spec.host && known.spec.port === spec.port;
    const connections = same ? known.connections : new Connections(spec.host, spec.port);
    return { spec, weight: spec.weight, connections, tally };
  }
}

/** Clients keep their counts over a change that leaves the limit as it was. */
function limiterFor(spec: Route, old: LiveRoute | undefined): RateLimiter | null {
  const rate = spec.limits.rate;
  if (rate === null) return null;
  const before = old?.spec.limits.rate;
  const same = before?.requests === rate.requests && before.windowMs === rate.windowMs && before.burst === rate.burst;
  return same && old?.limiter ? old.limiter : new RateLimiter(rate, embeddedSettings.addresses);
}
