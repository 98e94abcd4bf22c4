import type { UpstreamStats } from "../../../model/route.ts";
import { Histogram } from "../table/histogram.ts";
import { uncountedName } from "./bodies.ts";
import type { SlotLease } from "./layout.ts";

/** What HAProxy counted for one slot. */
export interface Counts {
  readonly active: number;
  readonly requests: number;
  readonly failures: number;
}

const none: Counts = { active: 0, requests: 0, failures: 0 };

/**
 * The counts in the CSV of `show stat`, by pool and slot. A request is one that got an answer, or failed: `req_tot` counts
 * answers that began, `eresp` those that never came or broke off (`srv_abrt`, in `req_tot` already), `econ` and `wredis`
 * requests that the app took no connection for. What a client broke off itself (`cli_abrt`) is neither.
 */
export function parseStat(text: string): ReadonlyMap<string, Counts> {
  const found = new Map<string, Counts>();
  let columns: readonly string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("# ")) columns = line.slice(2).split(",");
    const values = line.split(",");
    if (columns.length === 0 || line.startsWith("#") || values.length < columns.length - 1) continue;
    const of = (name: string) => values[columns.indexOf(name)] ?? "";
    const number = (name: string) => Number(of(name)) || 0;
    // HAProxy 3.0 counts an answer that never came twice; more than were sent cannot be missing.
    const missing = Math.min(number("eresp") - number("srv_abrt"), number("stot") - number("req_tot"));
    const lost = Math.max(0, missing) + number("econ") + number("wredis");
    const slot = `${uncountedName(of("pxname"))}/${of("svname")}`;
    const twin = found.get(slot) ?? none;
    found.set(slot, {
      active: twin.active + number("scur"),
      requests: twin.requests + number("req_tot") + lost,
      failures: twin.failures + number("hrsp_5xx") + lost + number("srv_abrt"),
    });
  }
  return found;
}

/** A slot of a lease in one worker process. */
interface Meter {
  /** What the slot had counted before this lease. */
  readonly from: Counts;
  last: Counts;
}

/**
 * Counts per upstream out of counters per slot and worker process. A slot is used by one upstream after another and HAProxy
 * never sets its counters back, so what it had before is taken off; what a process had last counted when it ended is kept.
 */
export class Traffic {
  readonly #meters = new Map<string, Meter>();
  /** By owner and upstream. */
  readonly #times = new Map<string, Histogram>();
  readonly #kept = new Map<string, Counts>();

  /** The slots of a fresh lease have counted this much for others. */
  begin(lease: SlotLease, worker: number, seen: ReadonlyMap<string, Counts>): void {
    lease.seats.forEach((_seat, index) => {
      const from = seen.get(slotKey(lease, index)) ?? none;
      this.#meters.set(`${lease.number}/${index}/${worker}`, { from, last: from });
    });
  }

  /** Takes in what a worker counts now. */
  note(lease: SlotLease, worker: number, seen: ReadonlyMap<string, Counts>): void {
    lease.seats.forEach((_seat, index) => {
      const counts = seen.get(slotKey(lease, index));
      if (counts === undefined) return;
      const key = `${lease.number}/${index}/${worker}`;
      const meter = this.#meters.get(key) ?? { from: none, last: none };
      meter.last = counts;
      this.#meters.set(key, meter);
    });
  }

  /** A lease ended: its counts stay with the upstreams that are still elsewhere. */
  end(lease: SlotLease): void {
    lease.seats.forEach((seat, index) => {
      const key = `${lease.owner}\n${seat.id}`;
      this.#kept.set(key, plus(this.#kept.get(key) ?? none, this.#of(lease, index)));
    });
    for (const key of this.#meters.keys()) if (key.startsWith(`${lease.number}/`)) this.#meters.delete(key);
  }

  /** Forgets the upstreams of an owner that are in none of these leases. */
  forget(owner: string, leases: readonly SlotLease[]): void {
    const known = new Set(leases.flatMap((lease) => lease.seats.map((seat) => `${lease.owner}\n${seat.id}`)));
    for (const map of [this.#kept, this.#times]) {
      for (const key of map.keys()) if (key.startsWith(`${owner}\n`) && !known.has(key)) map.delete(key);
    }
  }

  /** An app began to answer after so many ms. */
  answered(owner: string, id: string, ms: number): void {
    const key = `${owner}\n${id}`;
    const times = this.#times.get(key) ?? new Histogram();
    times.add(ms);
    this.#times.set(key, times);
  }

  /** Running requests of a lease, in all workers. */
  active(lease: SlotLease, workers: readonly number[]): number {
    return lease.seats.reduce((sum, _seat, index) => sum + this.#active(lease, index, workers), 0);
  }

  /** By upstream id: routed ones, and removed ones with running requests. */
  stats(leases: readonly SlotLease[], workers: readonly number[]): Readonly<Record<string, UpstreamStats>> {
    const found: Record<string, UpstreamStats> = {};
    const routed = new Set(leases.filter((lease) => lease.routed).flatMap((lease) => lease.seats.map(({ id }) => id)));
    for (const lease of leases) {
      lease.seats.forEach(({ id }, index) => {
        const active = this.#active(lease, index, workers);
        if (!routed.has(id) && active === 0 && found[id] === undefined) return;
        const key = `${lease.owner}\n${id}`;
        const counts = this.#of(lease, index);
        const before = found[id] ?? {
          ...(this.#kept.get(key) ?? none),
          active: 0,
          p95Ms: this.#times.get(key)?.quantile(0.95) ?? 0,
        };
        found[id] = { ...plus(before, counts), active: before.active + active, p95Ms: before.p95Ms };
      });
    }
    return found;
  }

  #active(lease: SlotLease, index: number, workers: readonly number[]): number {
    return workers.reduce(
      (sum, worker) => sum + (this.#meters.get(`${lease.number}/${index}/${worker}`)?.last.active ?? 0),
      0,
    );
  }

  #of(lease: SlotLease, index: number): Counts {
    let sum = none;
    for (const [key, { from, last }] of this.#meters) {
      if (!key.startsWith(`${lease.number}/${index}/`)) continue;
      sum = plus(sum, { active: 0, requests: last.requests - from.requests, failures: last.failures - from.failures });
    }
    return sum;
  }
}

function slotKey(lease: SlotLease, index: number): string {
  return `${lease.pool}/s${index + 1}`;
}

function plus(a: Counts, b: Counts): Counts {
  return { active: 0, requests: a.requests + b.requests, failures: a.failures + b.failures };
}
