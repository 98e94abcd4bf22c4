import type { LiveRoute, LiveTables, LiveUpstream } from "./live.ts";
import { clientKey } from "./rate.ts";
import type { Records } from "./records.ts";
import { settings } from "./settings.ts";
import type { Visit } from "./visit.ts";

/** A request that wants to be served: by HTTP or by an upgrade. */
export interface Guest {
  readonly visit: Visit;
  /** Announced length of the body in bytes; 0 when it is not announced. */
  readonly announcedBytes: number;
  /** Sends it to this upstream. */
  serve(upstream: LiveUpstream): void;
  /** Answers it without the app. */
  refuse(status: number, retryAfterS?: number): void;
  /** Set while it waits at a held route: what to do when its client goes away. */
  forget: (() => void) | null;
}

/** Decides for every request whether, when and by whom it is served. */
export class Admission {
  readonly tables: LiveTables;
  readonly records: Records;
  /** The edge is about to end: answers ask clients to open a new connection for what comes next. */
  draining = false;
  readonly #waiting = new Map<string, Set<Guest>>();

  constructor(tables: LiveTables, records: Records) {
    this.tables = tables;
    this.records = records;
  }

  /** Takes a request in: route, rate and announced length are looked at once, before any waiting. */
  admit(guest: Guest): void {
    const { visit } = guest;
    const route = this.tables.find(visit.target.host);
    if (route === undefined) return guest.refuse(404);
    visit.route = route;
    const waitMs = route.limiter?.take(clientKey(visit.address), performance.now()) ?? 0;
    if (waitMs > 0) return guest.refuse(429, Math.ceil(waitMs / 1_000));
    if (guest.announcedBytes > route.spec.limits.bodyBytes) return guest.refuse(413);
    this.#enter(guest, route);
  }

  /** For a request that no upstream has seen yet: decides again by the table of now. */
  again(guest: Guest): void {
    const route = this.tables.find(guest.visit.target.host);
    if (route === undefined) return guest.refuse(404);
    guest.visit.route = route;
    this.#enter(guest, route);
  }

  /** After a change of this owner's table: who waits is looked at again, the longest waiting first. */
  changed(owner: string): void {
    for (const [key, guests] of this.#waiting) {
      if (!key.startsWith(`${owner}\n`)) continue;
      for (const guest of [...guests]) {
        guest.forget?.();
        this.again(guest);
      }
    }
  }

  #enter(guest: Guest, route: LiveRoute): void {
    if (route.spec.holdMs !== null) return this.#wait(guest, route, route.spec.holdMs);
    const upstream = route.balance.next(guest.visit.tried);
    if (upstream !== undefined) return guest.serve(upstream);
    if (guest.visit.tried.size > 0) guest.refuse(502);
    else guest.refuse(503, 1);
  }

  #wait(guest: Guest, route: LiveRoute, holdMs: number): void {
    const key = `${route.owner}\n${route.spec.service}`;
    const guests = this.#waiting.get(key) ?? new Set();
    if (guests.size >= settings.waiting) return guest.refuse(503, 1);
    guest.visit.heldAt ??= performance.now();
    const left = guest.visit.heldAt + holdMs - performance.now();
    const late = setTimeout(() => {
      guest.forget?.();
      guest.refuse(503, 1);
    }, left);
    guest.forget = () => {
      clearTimeout(late);
      guest.forget = null;
      guests.delete(guest);
      if (guests.size === 0) this.#waiting.delete(key);
    };
    guests.add(guest);
    this.#waiting.set(key, guests);
  }
}
