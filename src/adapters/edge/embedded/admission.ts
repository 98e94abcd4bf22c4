import { retryAfterS } from "../table/own-pages.ts";
import { isPreflight, preflightAnswer } from "./cors.ts";
import type { Crowd } from "./crowd.ts";
import type { LiveRoute, LiveTables, LiveUpstream } from "./live.ts";
import { maintenanceAnswer, type OwnAnswer } from "./pages.ts";
import { clientKey } from "./rate.ts";
import type { Records } from "./records.ts";
import { redirectOf, type SecureDoor } from "./redirects.ts";
import type { RequestContext } from "./request-context.ts";
import { embeddedSettings } from "./settings.ts";

/** A request that wants to be served: by HTTP or by an upgrade. */
export interface PendingRequest {
  readonly context: RequestContext;
  /** Announced length of the body in bytes; 0 when it is not announced. */
  readonly announcedBytes: number;
  /** Sends it to this upstream. */
  serve(upstream: LiveUpstream): void;
  /** Answers it without the app. */
  reply(answer: OwnAnswer): void;
  /** Set while it waits at a held route: what to do when its client goes away. */
  forget: (() => void) | null;
}

const nobody: OwnAnswer = { status: 503, retryAfterS: retryAfterS.unavailable };

/** Decides for every request whether, when and by which upstream it is served. */
export class Admission {
  readonly tables: LiveTables;
  readonly records: Records;
  readonly crowd: Crowd;
  /** Where HTTPS is answered; null while it is nowhere. */
  door: SecureDoor | null = null;
  readonly #waiting = new Map<string, Set<PendingRequest>>();

  constructor(tables: LiveTables, records: Records, crowd: Crowd) {
    this.crowd = crowd;
    this.tables = tables;
    this.records = records;
  }

  /**
   * Takes a request in. Once, before any waiting, and in this order: its route, whether it belongs elsewhere, its rate,
   * whether a browser only asks what it may do, its announced length.
   */
  admit(pending: PendingRequest): void {
    const { context } = pending;
    const route = this.#routeOf(context);
    if (route === undefined) return pending.reply({ status: 404 });
    context.route = route;
    const elsewhere = redirectOf(route.spec, context, this.door);
    if (elsewhere !== null) return pending.reply({ status: 308, headers: ["location", elsewhere] });
    const waitMs = route.limiter?.take(clientKey(context.address), performance.now()) ?? 0;
    if (waitMs > 0) return pending.reply({ status: 429, retryAfterS: Math.ceil(waitMs / 1_000) });
    const { cors, limits } = route.spec;
    if (cors !== null && isPreflight(context.req))
      return pending.reply(preflightAnswer(cors, context.req.headers.origin));
    if (pending.announcedBytes > limits.bodyBytes) return pending.reply({ status: 413 });
    this.#enter(pending, route);
  }

  /** For a request that no upstream has seen yet: decides again by the table of now. */
  again(pending: PendingRequest): void {
    const route = this.#routeOf(pending.context);
    if (route === undefined) return pending.reply({ status: 404 });
    pending.context.route = route;
    this.#enter(pending, route);
  }

  /** After a change of this owner's table: checks waiting requests again, once, the longest waiting first. */
  changed(owner: string): void {
    // Of a copy: only requests that keep waiting are added again.
    for (const [key, pendingRequests] of [...this.#waiting]) {
      if (!key.startsWith(`${owner}\n`)) continue;
      for (const pending of [...pendingRequests]) {
        pending.forget?.();
        this.again(pending);
      }
    }
  }

  /** A route that is closed to a caller does not exist for it. */
  #routeOf({ target, address, beyond }: RequestContext): LiveRoute | undefined {
    const route = this.tables.find(target.host);
    if (route === undefined || route.insiders === null) return route;
    return !beyond && route.insiders(address) ? route : undefined;
  }

  #enter(pending: PendingRequest, route: LiveRoute): void {
    if (route.spec.maintenance !== null) return pending.reply(maintenanceAnswer(route.spec.maintenance));
    if (route.spec.holdMs !== null) return this.#wait(pending, route, route.spec.holdMs);
    if (this.#isFull(route)) return pending.reply(nobody);
    const upstream = route.balance.next(pending.context.tried);
    if (upstream !== undefined) return pending.serve(upstream);
    pending.reply(pending.context.tried.size > 0 ? { status: 502 } : nobody);
  }

  /** One service leaves capacity for the others. There are never more running requests than connections. */
  #isFull({ upstreams }: LiveRoute): boolean {
    const { perService } = this.crowd.capacity;
    if (this.crowd.connections <= perService) return false;
    return upstreams.reduce((sum, { tally }) => sum + tally.active, 0) >= perService;
  }

  #wait(pending: PendingRequest, route: LiveRoute, holdMs: number): void {
    const key = `${route.owner}\n${route.spec.service}`;
    const pendingRequests = this.#waiting.get(key) ?? new Set();
    if (pendingRequests.size >= embeddedSettings.waiting) return pending.reply(nobody);
    pending.context.heldAt ??= performance.now();
    const left = pending.context.heldAt + holdMs - performance.now();
    const late = setTimeout(() => {
      pending.forget?.();
      pending.reply(nobody);
    }, left);
    pending.forget = () => {
      clearTimeout(late);
      pending.forget = null;
      pendingRequests.delete(pending);
      if (pendingRequests.size === 0) this.#waiting.delete(key);
    };
    pendingRequests.add(pending);
    this.#waiting.set(key, pendingRequests);
  }
}
