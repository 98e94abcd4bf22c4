import { isPreflight, preflightAnswer } from "./cors.ts";
import type { Crowd } from "./crowd.ts";
import type { LiveRoute, LiveTables, LiveUpstream } from "./live.ts";
import { maintenanceAnswer, type OwnAnswer } from "./pages.ts";
import { clientKey } from "./rate.ts";
import type { Records } from "./records.ts";
import { redirectOf, type SecureDoor } from "./redirects.ts";
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
  reply(answer: OwnAnswer): void;
  /** Set while it waits at a held route: what to do when its client goes away. */
  forget: (() => void) | null;
}

const nobody: OwnAnswer = { status: 503, retryAfterS: 1 };

/** Decides for every request whether, when and by whom it is served. */
export class Admission {
  readonly tables: LiveTables;
  readonly records: Records;
  readonly crowd: Crowd;
  /** Where HTTPS is answered; null while it is nowhere. */
  door: SecureDoor | null = null;
  readonly #waiting = new Map<string, Set<Guest>>();

  constructor(tables: LiveTables, records: Records, crowd: Crowd) {
    this.crowd = crowd;
    this.tables = tables;
    this.records = records;
  }

  /**
   * Takes a request in. Once, before any waiting, and in this order: its route, whether it belongs elsewhere, its rate,
   * whether a browser only asks what it may do, its announced length.
   */
  admit(guest: Guest): void {
    const { visit } = guest;
    const route = this.#routeOf(visit);
    if (route === undefined) return guest.reply({ status: 404 });
    visit.route = route;
    const elsewhere = redirectOf(route.spec, visit, this.door);
    if (elsewhere !== null) return guest.reply({ status: 308, headers: ["location", elsewhere] });
    const waitMs = route.limiter?.take(clientKey(visit.address), performance.now()) ?? 0;
    if (waitMs > 0) return guest.reply({ status: 429, retryAfterS: Math.ceil(waitMs / 1_000) });
    const { cors, limits } = route.spec;
    if (cors !== null && isPreflight(visit.req)) return guest.reply(preflightAnswer(cors, visit.req.headers.origin));
    if (guest.announcedBytes > limits.bodyBytes) return guest.reply({ status: 413 });
    this.#enter(guest, route);
  }

  /** For a request that no upstream has seen yet: decides again by the table of now. */
  again(guest: Guest): void {
    const route = this.#routeOf(guest.visit);
    if (route === undefined) return guest.reply({ status: 404 });
    guest.visit.route = route;
    this.#enter(guest, route);
  }

  /** After a change of this owner's table: who waits is looked at again, once, the longest waiting first. */
  changed(owner: string): void {
    // Of a copy: who goes on waiting alone is entered anew.
    for (const [key, guests] of [...this.#waiting]) {
      if (!key.startsWith(`${owner}\n`)) continue;
      for (const guest of [...guests]) {
        guest.forget?.();
        this.again(guest);
      }
    }
  }

  /** To whom a route is not open, there is none. */
  #routeOf({ target, address, beyond }: Visit): LiveRoute | undefined {
    const route = this.tables.find(target.host);
    if (route === undefined || route.insiders === null) return route;
    return !beyond && route.insiders(address) ? route : undefined;
  }

  #enter(guest: Guest, route: LiveRoute): void {
    if (route.spec.maintenance !== null) return guest.reply(maintenanceAnswer(route.spec.maintenance));
    if (route.spec.holdMs !== null) return this.#wait(guest, route, route.spec.holdMs);
    if (this.#isFull(route)) return guest.reply(nobody);
    const upstream = route.balance.next(guest.visit.tried);
    if (upstream !== undefined) return guest.serve(upstream);
    guest.reply(guest.visit.tried.size > 0 ? { status: 502 } : nobody);
  }

  /** One service leaves room for the others. There are never more requests under way than connections. */
  #isFull({ upstreams }: LiveRoute): boolean {
    const { perService } = this.crowd.capacity;
    if (this.crowd.connections <= perService) return false;
    return upstreams.reduce((sum, { tally }) => sum + tally.active, 0) >= perService;
  }

  #wait(guest: Guest, route: LiveRoute, holdMs: number): void {
    const key = `${route.owner}\n${route.spec.service}`;
    const guests = this.#waiting.get(key) ?? new Set();
    if (guests.size >= settings.waiting) return guest.reply(nobody);
    guest.visit.heldAt ??= performance.now();
    const left = guest.visit.heldAt + holdMs - performance.now();
    const late = setTimeout(() => {
      guest.forget?.();
      guest.reply(nobody);
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
