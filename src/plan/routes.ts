import type { Serving } from "../model/environment.ts";
import { keyText } from "../model/environment.ts";
import type { ObservedInstance } from "../model/instance.ts";
import { type HttpSpec, plainRules, type ServiceSpec } from "../model/release.ts";
import { type Route, type RouteTable, routeTable, type Upstream } from "../model/route.ts";
import { tcpGate, timesWanted, unreadyAfter } from "./gate.ts";
import type { Snapshot } from "./plan.ts";
import {
  idOf,
  instancesOf,
  isGated,
  isRunning,
  isStaying,
  releaseOf,
  routedNow,
  type Slot,
  slotId,
  slotsOf,
} from "./view.ts";

/** Whose instances a table points at. */
export interface Blend {
  /** The release that served so far. */
  readonly base: Serving | null;
  readonly next: Serving | null;
  /** Share of requests for `next` if both have instances: 0 before the switch, 1 after it. */
  readonly share: number;
  /** Whose instances keep answering while `base` has none (see `spareUpstreams`). */
  readonly spare?: Serving;
  /** Services being replaced, with the only instances that may answer for them; requests wait while there is none. */
  readonly exchanged: ReadonlyMap<string, Serving>;
}

const unknownYet = { readyInRow: 0, unreadyInRow: 0 };

/**
 * Instances of a service that may take requests: gated, not leaving, not failing their readiness. If none is ready, the
 * running ones keep taking requests: a bad answer is better than none.
 */
export function upstreamsOf(s: Snapshot, serving: Serving | null, service: string): readonly ObservedInstance[] {
  const routed = routedNow(s);
  const slots = slotsOf(s, serving).filter((slot) => slot.service.name === service);
  const usable = slots.flatMap((slot) => usableOf(s, slot, routed));
  const running = usable.length > 0 ? usable : surplusOf(s, slots, routed);
  const ready = running.filter((one) => isStaying(s, one.instance) && isReady(s, one, routed));
  return (ready.length > 0 ? ready : running).map((one) => one.instance);
}

interface Usable {
  readonly instance: ObservedInstance;
  readonly service: ServiceSpec;
}

/** Of a place, the newest instance that may be routed to: a replacement takes over as soon as it is gated. */
function usableOf(s: Snapshot, slot: Slot, routed: ReadonlySet<string>): readonly Usable[] {
  const gated = instancesOf(s, slot).filter((instance) => instance.address && isGated(s, instance));
  const usable =
    gated.find((instance) => isStaying(s, instance)) ??
    // A leaving one keeps its traffic until its replacement is gated; a `single` service has no such overlap.
    gated.find((instance) => !slot.service.single && isRunning(instance) && routed.has(instance.name));
  return usable ? [{ instance: usable, service: slot.service }] : [];
}

/** Instances in places that a smaller scale removed: they keep answering while the remaining places are empty. */
function surplusOf(s: Snapshot, slots: readonly Slot[], routed: ReadonlySet<string>): readonly Usable[] {
  const [first] = slots;
  if (!first) return [];
  const { service, release, deployment } = first;
  const left = new Set(slots.map(idOf));
  return s.instances
    .filter(({ identity }) => identity.service === service.name && identity.release === release.number)
    .filter(({ identity }) => identity.deployment === deployment && !left.has(slotId(identity)))
    .filter((instance) => isRunning(instance) && isGated(s, instance) && routed.has(instance.name))
    .map((instance) => ({ instance, service }));
}

function isReady(s: Snapshot, { instance, service }: Usable, routed: ReadonlySet<string>): boolean {
  const probe = s.probes[instance.name] ?? unknownYet;
  if (routed.has(instance.name)) return probe.unreadyInRow < unreadyAfter;
  return probe.readyInRow >= timesWanted(service);
}

/** The desired route table of an environment; null if it routes nothing. */
export function tableFor(s: Snapshot, blend: Blend): RouteTable | null {
  const base = blend.base ? releaseOf(s, blend.base.release) : undefined;
  const next = blend.next ? releaseOf(s, blend.next.release) : undefined;
  const leading = blend.share < 1 ? base : next;
  const routes = (leading?.services ?? []).flatMap((service) => {
    const other = next?.services.find((candidate) => candidate.name === service.name);
    return service.http ? [routeOf(s, blend, { service, http: service.http, follows: Boolean(other?.http) })] : [];
  });
  routes.push(...firstRoutes(s, blend, new Set(routes.map(({ service }) => service))));
  return routes.length > 0 ? routeTable(keyText(s.key), routes) : null;
}

/**
 * Routes to internal services that nothing served before: other services of the same release call them while they
 * start, so these routes exist as soon as an instance can answer, before any traffic is switched.
 */
function firstRoutes(s: Snapshot, { next }: Blend, known: ReadonlySet<string>): readonly Route[] {
  const services = next ? (releaseOf(s, next.release)?.services ?? []) : [];
  return services.flatMap((service) => {
    const { name, http } = service;
    if (!http?.internal || known.has(name)) return [];
    const upstreams = weighed(upstreamsOf(s, next, name), 1);
    return upstreams.length > 0 ? [route(s, { service, http }, { upstreams, holdMs: null })] : [];
  });
}

interface Routed {
  readonly service: ServiceSpec;
  readonly http: HttpSpec;
  /** Whether the next release routes this service too. */
  readonly follows: boolean;
}

function routeOf(s: Snapshot, blend: Blend, { service, http, follows }: Routed): Route {
  const alone = blend.exchanged.get(service.name);
  if (alone) {
    const upstreams = weighed(upstreamsOf(s, alone, service.name), 1);
    const holdMs = upstreams.length === 0 ? holdFor(service) : null;
    return route(s, { service, http }, { upstreams, holdMs });
  }
  const after = blend.share > 0 && follows ? upstreamsOf(s, blend.next, service.name) : [];
  // The previous instances keep serving while none of the next release can: one of them may not be inspectable just
  // now.
  const isAlone = blend.share < 1 || (follows && after.length === 0);
  const before = isAlone ? upstreamsOf(s, blend.base, service.name) : [];
  const { base, spare: other } = blend;
  const spare = other ? spareUpstreams(s, { base, spare: other }, service.name) : [];
  const isEmpty = before.length + after.length + spare.length === 0;
  const share = before.length === 0 ? 1 : after.length === 0 ? 0 : blend.share;
  const upstreams = [...weighed(before, 1 - share), ...weighed(after, share), ...weighed(spare, 1)];
  if (isEmpty) upstreams.push(...weighed(stillRouted(s, blend, service), 1));
  // A `single` instance that ended has no other to answer for it: its requests wait for its replacement. Requests that
  // already wait, because the other release has it as a single one, keep waiting.
  const waits = service.single || isHeld(s, service);
  const holdMs = waits && upstreams.length === 0 ? readyWithin(service) : null;
  return route(s, { service, http }, { upstreams, holdMs });
}

/**
 * Instances of `spare` that keep answering while those that should replace them do not exist: a bad answer is better
 * than none. None if no replacement is desired.
 */
export function spareUpstreams(
  s: Snapshot,
  { base, spare }: { base: Serving | null; spare: Serving },
  service: string,
): readonly ObservedInstance[] {
  const isWanted = slotsOf(s, base).some((slot) => slot.service.name === service && slot.service.http);
  if (!isWanted || upstreamsOf(s, base, service).length > 0) return [];
  const routed = routedNow(s);
  // By place: a new instance there takes over from the previous one.
  const places = new Set(s.instances.filter(({ name }) => routed.has(name)).map(({ identity }) => slotId(identity)));
  return upstreamsOf(s, spare, service).filter(({ identity }) => places.has(slotId(identity)));
}

function isHeld(s: Snapshot, { name }: ServiceSpec): boolean {
  return s.edge.table?.routes.some((one) => one.service === name && one.holdMs !== null) ?? false;
}

/**
 * Whoever else has the traffic of a service that nobody of what serves can answer for: what a deployment that has ended left
 * in the routes. It goes on answering until somebody is there, and is not started again. A `single` one makes room instead.
 */
function stillRouted(s: Snapshot, { base, next }: Blend, { name, single }: ServiceSpec): readonly ObservedInstance[] {
  const isWanted = [base, next].some((serving) => slotsOf(s, serving).some(({ service }) => service.name === name));
  if (single || !isWanted) return [];
  const routed = routedNow(s);
  return s.instances.filter(
    (one) => one.identity.service === name && routed.has(one.name) && isRunning(one) && isGated(s, one),
  );
}

/** Time limit from the start of an instance to its gate. */
export function readyWithin(service: ServiceSpec): number {
  return service.http?.ready?.withinMs ?? tcpGate.withinMs;
}

/** How long a request may wait while a `single` instance is replaced: as long as that may take at most. */
export function holdFor(service: ServiceSpec): number {
  return service.stop.drainMs + service.stop.withinMs + readyWithin(service);
}

function weighed(instances: readonly ObservedInstance[], share: number): readonly Upstream[] {
  if (share <= 0) return [];
  const weight = Math.max(1, Math.round((share * 1_000) / Math.max(1, instances.length)));
  return instances.flatMap(({ name, identity, address }) =>
    address ? [{ id: name, release: identity.release, host: address.host, port: address.port, weight }] : [],
  );
}

function route(
  { environment, inside }: Snapshot,
  { service, http }: Pick<Routed, "service" | "http">,
  to: Pick<Route, "upstreams" | "holdMs">,
): Route {
  const upstreams = [...to.upstreams].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { port: _port, ready: _ready, alive: _alive, internal, ...own } = http;
  // A release recorded by a previous version lacks what that version did not know.
  return {
    ...plainRules,
    ...own,
    service: service.name,
    upstreams,
    holdMs: to.holdMs,
    inside: internal ? inside : null,
    // Other services are not users: they need internal services during maintenance, and so do gates.
    maintenance: internal ? null : environment.maintenance,
  };
}
