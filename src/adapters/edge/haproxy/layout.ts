import type { RouteTable, Upstream } from "../../../model/route.ts";

/** An upstream in its place: a numeric address, and a weight as HAProxy takes it. */
export interface Seat {
  readonly id: string;
  readonly release: number;
  readonly ip: string;
  readonly port: number;
  /** 1 … 256, relative to the others of its pool. */
  readonly weight: number;
}

/** A pool (an HAProxy backend of empty server slots) given to one set of upstreams of one service, until its last request ended. */
export interface SlotLease {
  /** Never used twice, so that a record always identifies its upstreams. */
  readonly number: number;
  readonly owner: string;
  readonly service: string;
  readonly pool: string;
  /** In the order of the pool's slots. */
  readonly seats: readonly Seat[];
  /** New requests go there; false while it only finishes running ones. */
  readonly routed: boolean;
}

/** How many pools there are of a number of slots. */
export interface PoolClass {
  readonly slots: number;
  readonly pools: number;
}

/** What is in which slot. The shape of the configuration is its classes alone; all else changes while HAProxy runs. */
export interface SlotLayout {
  /** Raised by every change; HAProxy's own map carries it, so that it can be seen what HAProxy really serves. */
  readonly serial: number;
  readonly next: number;
  readonly classes: readonly PoolClass[];
  readonly leases: readonly SlotLease[];
  /** Workers that a reload replaced, with the number of the first lease that they do not know. */
  readonly retired: readonly { readonly worker: number; readonly before: number }[];
}

/** Room for a machine's usual share of services: a new app then costs no reload. An unused slot costs about 5 KB. */
export const emptyLayout: SlotLayout = {
  serial: 0,
  next: 1,
  classes: [
    { slots: 4, pools: 64 },
    { slots: 16, pools: 16 },
  ],
  leases: [],
  retired: [],
};

/** HAProxy's greatest weight. */
const heaviest = 256;

export function poolName(slots: number, index: number): string {
  return `pool${slots}-${index}`;
}

/** How many slots a pool has, by its name. */
export function poolSlots(pool: string): number {
  return Number(/^pool(\d+)-/.exec(pool)?.[1] ?? 0);
}

/** Gives every upstream a numeric address and a weight relative to the heaviest one. */
export function seatsOf(upstreams: readonly Upstream[], ipOf: (host: string) => string): readonly Seat[] {
  const most = Math.max(...upstreams.map(({ weight }) => weight));
  return upstreams.map(({ id, release, host, port, weight }) => {
    return { id, release, ip: ipOf(host), port, weight: Math.max(1, Math.round((weight / most) * heaviest)) };
  });
}

/** What happens to one owner's table; null: it is dropped. */
export interface TableChange {
  readonly owner: string;
  readonly table: RouteTable | null;
  /** The numeric address of an upstream's host. */
  readonly ipOf: (host: string) => string;
}

/**
 * The layout after a change of one owner's table. Upstreams that are as they were stay in their pool;
 * a service whose upstreams changed gets a fresh pool, because what is in a pool in use is never changed. Where none is
 * free, there will be twice as many: that is the change of shape for which HAProxy must be reloaded.
 */
export function relaid(before: SlotLayout, { owner, table, ipOf }: TableChange): SlotLayout {
  let { next, classes } = before;
  const others = before.leases.filter((lease) => lease.owner !== owner);
  const own = before.leases.filter((lease) => lease.owner === owner).map((lease) => ({ ...lease, routed: false }));
  const fresh: SlotLease[] = [];
  for (const route of table?.routes ?? []) {
    if (route.upstreams.length === 0) continue;
    const seats = seatsOf(route.upstreams, ipOf);
    const kept = own.findIndex((lease) => lease.service === route.service && sameSeats(lease.seats, seats));
    const known = own[kept];
    if (known !== undefined) {
      own[kept] = { ...known, routed: true };
      continue;
    }
    const taken = new Set([...others, ...own, ...fresh].map(({ pool }) => pool));
    const found = freePool(classes, seats.length, taken);
    classes = found.classes;
    fresh.push({ number: next, owner, service: route.service, pool: found.pool, seats, routed: true });
    next += 1;
  }
  return { ...before, serial: before.serial + 1, next, classes, leases: [...others, ...own, ...fresh] };
}

/** Without the leases whose last request ended. */
export function without(layout: SlotLayout, numbers: ReadonlySet<number>): SlotLayout {
  return { ...layout, leases: layout.leases.filter((lease) => lease.routed || !numbers.has(lease.number)) };
}

function sameSeats(a: readonly Seat[], b: readonly Seat[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function freePool(
  classes: readonly PoolClass[],
  needed: number,
  taken: ReadonlySet<string>,
): { readonly pool: string; readonly classes: readonly PoolClass[] } {
  const fitting = classes.filter(({ slots }) => slots >= needed);
  for (const { slots, pools } of fitting) {
    for (let index = 1; index <= pools; index += 1) {
      const pool = poolName(slots, index);
      if (!taken.has(pool)) return { pool, classes };
    }
  }
  const [smallest] = fitting;
  if (smallest === undefined) {
    const slots = 4 ** Math.ceil(Math.log(needed) / Math.log(4));
    return { pool: poolName(slots, 1), classes: [...classes, { slots, pools: 4 }] };
  }
  const grown = classes.map((one) => (one === smallest ? { ...one, pools: one.pools * 2 } : one));
  return { pool: poolName(smallest.slots, smallest.pools + 1), classes: grown };
}
