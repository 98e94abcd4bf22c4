import { backoff } from "../base/backoff.ts";
import {
  covers,
  type Domain,
  type HeldCertificate,
  type HostRecord,
  isLocal,
  isPublicName,
} from "../model/certificate.ts";
import type { EnvKey } from "../model/environment.ts";

/** The state of certificates at one moment. */
export interface CertificateSnapshot {
  readonly now: number;
  /** Whether the edge takes TLS; if not, no authority is asked. */
  readonly tls: boolean;
  readonly routes: readonly WantedRoute[];
  readonly held: readonly HeldCertificate[];
  readonly records: readonly HostRecord[];
  /** The authority to ask besides this machine's own. `rehearsed`: a staging authority first. */
  readonly acme: "none" | "direct" | "rehearsed";
}

/** A served route. */
export interface WantedRoute {
  readonly key: EnvKey;
  readonly service: string;
  readonly hosts: readonly string[];
}

export interface CertificateOrder {
  readonly from: "acme" | "staging" | "local";
  readonly key: EnvKey;
  readonly service: string;
  readonly hosts: readonly string[];
  /** Every one of its hosts has a valid certificate. */
  readonly renews: boolean;
  readonly why: string;
}

export interface CertificatePlan {
  readonly orders: readonly CertificateOrder[];
  /** Ids of unused certificates. */
  readonly drop: readonly string[];
  /** When the plan may change without an event; null: never. */
  readonly lookAgainAt: number | null;
}

/** After a failure: an hour, doubling to a day. Let's Encrypt allows five failed validations of a host per hour. */
const failureDelay = { first: 3_600_000, limit: 86_400_000 } as const;
/** After an order during which the controller ended. */
const interruptedMs = 60_000;
/** A successful rehearsal is valid for this long. */
const rehearsedMs = 7 * 86_400_000;
/** Let's Encrypt allows at most 100 names in one certificate. */
const hostsPerOrder = 100;
/** Unused certificates are kept this long after they expire, for inspection. */
const keepExpiredMs = 7 * 86_400_000;

/** When a certificate is to be renewed: when a third of its lifetime is left. */
export function renewAt({ from, until }: Pick<HeldCertificate, "from" | "until">): number {
  return until - Math.floor((until - from) / 3);
}

/** When a certificate for a host may be requested again; 0: at once. */
export function mayAskAt(record: HostRecord | undefined): number {
  if (record === undefined) return 0;
  if (record.failures === 0) return record.fault === null && record.lastAt > 0 ? record.lastAt + interruptedMs : 0;
  return record.lastAt + backoff(record.failures, failureDelay);
}

/** The authority for a host; null if none can sign it or none may be asked. */
export function signerOf(host: string, s: Pick<CertificateSnapshot, "held" | "acme">): "local" | "acme" | null {
  const isAskedFor = s.held.some((one) => one.source === "self-signed" && one.hosts.includes(host));
  if (isLocal(host) || isAskedFor) return "local";
  return s.acme !== "none" && isPublicName(host) ? "acme" : null;
}

/** Which certificates to request from which authority, and when to check again. */
export function planCertificates(s: CertificateSnapshot): CertificatePlan {
  if (!s.tls) return { orders: [], drop: [], lookAgainAt: null };
  const orders: CertificateOrder[] = [];
  const times: number[] = [];
  const records = new Map(s.records.map((record) => [record.host, record]));
  for (const route of s.routes) {
    const needed = route.hosts.flatMap((host) => {
      const signer = signerOf(host, s);
      if (signer === null) return [];
      const due = dueAt(host, s);
      const at = Math.max(due, signer === "acme" ? mayAskAt(records.get(host)) : 0);
      if (at > s.now) times.push(at);
      return at > s.now ? [] : [{ host, signer, record: records.get(host), isHeld: due > 0 }];
    });
    for (const signer of ["local", "acme"] as const) {
      const mine = needed.filter((one) => one.signer === signer);
      if (mine.length > 0) orders.push(orderOf(s, route, mine.slice(0, hostsPerOrder)));
    }
  }
  return { orders, drop: droppable(s), lookAgainAt: times.length === 0 ? null : Math.min(...times) };
}

interface Needed {
  readonly host: string;
  readonly signer: "local" | "acme";
  readonly record: HostRecord | undefined;
  readonly isHeld: boolean;
}

function orderOf(s: CertificateSnapshot, { key, service }: WantedRoute, needed: readonly Needed[]): CertificateOrder {
  const renews = needed.every((one) => one.isHeld);
  const [first] = needed;
  const isRehearsed = ({ record }: Needed) => s.now - (record?.rehearsedAt ?? -rehearsedMs) < rehearsedMs;
  const rehearse = s.acme === "rehearsed" && !renews && !needed.every(isRehearsed);
  const from = first?.signer === "local" ? "local" : rehearse ? "staging" : "acme";
  const why = renews
    ? "a third of its lifetime is left"
    : rehearse
      ? "a test with the staging authority comes before the first certificate"
      : "the route is served and has no certificate";
  return { from, key, service, hosts: needed.map((one) => one.host), renews, why };
}

/** When a host needs a new certificate: 0 if it has none, otherwise when the best one is to be replaced. */
function dueAt(host: string, { held, now }: CertificateSnapshot): number {
  const good = held.filter((one) => covers(one, host) && one.until > now);
  // A supplied certificate is not renewed; no authority is asked before it expires.
  return Math.max(0, ...good.map((one) => (one.source === "own" ? one.until : renewAt(one))));
}

/** The hosts of every certificate: supplied before requested, valid before expired. */
export function servedHosts(held: readonly HeldCertificate[], now: number): ReadonlyMap<string, readonly string[]> {
  const best = new Map<string, HeldCertificate>();
  for (const one of held) {
    for (const host of one.hosts) {
      const before = best.get(host);
      if (before === undefined || isBetter(one, before, now)) best.set(host, one);
    }
  }
  return new Map(held.map((one) => [one.id, one.hosts.filter((host) => best.get(host) === one)]));
}

const rank = { own: 2, acme: 1, "self-signed": 0 } as const;

function isBetter(one: HeldCertificate, other: HeldCertificate, now: number): boolean {
  const isGood = one.until > now;
  if (isGood !== other.until > now) return isGood;
  if (one.source !== other.source) return rank[one.source] > rank[other.source];
  return one.until > other.until;
}

/** Certificates requested by Fairlead that serve no host: replaced, or expired a while ago. */
function droppable({ held, now }: CertificateSnapshot): readonly string[] {
  const served = servedHosts(held, now);
  return held
    .filter((one) => one.source !== "own")
    .filter((one) => served.get(one.id)?.length === 0 || one.until + keepExpiredMs < now)
    .map((one) => one.id);
}

/** Warn about a supplied certificate that expires within this time. */
const warnMs = 14 * 86_400_000;

/** Every host of a route and every host with a certificate, by name, with its state. */
export function domainsOf(s: CertificateSnapshot): readonly Domain[] {
  const served = servedHosts(s.held, s.now);
  const serving = s.held.map((one) => ({ one, hosts: served.get(one.id) ?? [] }));
  const routed = new Map(s.routes.flatMap((route) => route.hosts.map((host) => [host, route] as const)));
  const records = new Map(s.records.map((record) => [record.host, record]));
  const hosts = new Set([...routed.keys(), ...serving.flatMap((each) => each.hosts)]);
  return [...hosts].sort().map((host) => {
    const route = routed.get(host);
    const exact = serving.find((each) => each.hosts.includes(host));
    const certificate = (exact ?? serving.find((each) => covers(each, host)))?.one ?? null;
    const signer = signerOf(host, s) ?? "none";
    const fault = records.get(host)?.fault ?? null;
    return {
      host,
      state: stateOf({ certificate, signer, fault }, s),
      route: route === undefined ? null : { key: route.key, service: route.service },
      certificate,
      renewAt: certificate === null || certificate.source === "own" ? null : renewAt(certificate),
      signer,
      fault,
      nextAt: fault === null ? null : mayAskAt(records.get(host)),
    };
  });
}

type Standing = Pick<Domain, "certificate" | "signer" | "fault">;

function stateOf({ certificate, signer, fault }: Standing, { tls, now }: CertificateSnapshot): Domain["state"] {
  if (!tls) return "plain";
  if (certificate === null) return signer === "none" ? "plain" : fault === null ? "waiting" : "failing";
  const left = certificate.until - now;
  if (left <= 0) return "expired";
  const isWatched = certificate.source === "own" || fault !== null;
  return isWatched && left < warnMs ? "expiring" : "served";
}
