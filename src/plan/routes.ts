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
  /** What served so far. */
  readonly base: Serving | null;
  readonly next: Serving | null;
  /** Share of requests that goes to `next` where both have instances: 0 before the switch, 1 after it. */
  readonly share: number;
  /** Whose instances go on answering while `base` has nobody (see `spareUpstreams`). */
  readonly spare?: Serving;
  /** Services under exchange, with the only ones that may answer for them; requests wait while there is no instance. */
  readonly exchanged: ReadonlyMap<string, Serving>;
}

const unknownYet = { readyInRow: 0, unreadyInRow: 0 };

/**
 * Instances of a service that may take requests: gated, staying, not failing their readiness. When none is ready, the
 * ones that run keep taking requests: a bad answer is never worse than no one to answer.
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
    // One that must go stays where it is until its successor is gated; a `single` service has no such overlap.
    gated.find((instance) => !slot.service.single && isRunning(instance) && routed.has(instance.name));
  return usable ? [{ instance: usable, service: slot.service }] : [];
}

/** Instances in places that a smaller scale took away: while nobody is in those that are left, they go on answering. */
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

/** The route table that an environment shall have; null when it routes nothing at all. */
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
 * Routes to internal services that nothing served before: their neighbours in the same release ask for them while they get
 * ready, so these routes are there as soon as there is somebody to answer, before any traffic is switched.
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
  // Who served so far goes on while nobody of the next release can: one of it may not be looked at just now.
  const isAlone = blend.share < 1 || (follows && after.length === 0);
  const before = isAlone ? upstreamsOf(s, blend.base, service.name) : [];
  const { base, spare: other } = blend;
  const spare = other ? spareUpstreams(s, { base, spare: other }, service.name) : [];
  const isEmpty = before.length + after.length + spare.length === 0 && !other;
  const share = before.length === 0 ? 1 : after.length === 0 ? 0 : blend.share;
  const upstreams = [...weighed(before, 1 - share), ...weighed(after, share), ...weighed(spare, 1)];
  if (isEmpty) upstreams.push(...weighed(stillRouted(s, blend, service), 1));
  // A `single` instance that ended has no neighbour to answer for it: its requests wait for the one started in its place.
  // Those that wait already, because the other release has it as a single one, go on waiting.
  const waits = service.single || isHeld(s, service);
  const holdMs = waits && upstreams.length === 0 ? readyWithin(service) : null;
  return route(s, { service, http }, { upstreams, holdMs });
}

/**
 * Instances of `spare` that go on answering, as they do already, while those that should answer in their place are not
 * there: a bad answer is better than none. None when nobody is wanted in their place.
 */
export function spareUpstreams(
  s: Snapshot,
  { base, spare }: { base: Serving | null; spare: Serving },
  service: string,
): readonly ObservedInstance[] {
  const isWanted = slotsOf(s, base).some((slot) => slot.service.name === service && slot.service.http);
  if (!isWanted || upstreamsOf(s, base, service).length > 0) return [];
  const routed = routedNow(s);
  // By place: one that is started anew there takes over from the one before it.
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

/** The longest time from the start of an instance to its gate. */
export function readyWithin(service: ServiceSpec): number {
  return service.http?.ready?.withinMs ?? tcpGate.withinMs;
}

/** How long a request may wait while a `single` instance is exchanged: as long as that may take at most. */
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
  // A release that an earlier version wrote down does not say what that one did not know.
  return {
    ...plainRules,
    ...own,
    service: service.name,
    upstreams,
    holdMs: to.holdMs,
    inside: internal ? inside : null,
    // Neighbours are no users: what goes on behind a closed door needs them, a gate too.
    maintenance: internal ? null : environment.maintenance,
  };
}
