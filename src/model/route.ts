import { canonicalJson, sha256 } from "../base/digest.ts";
import type { Maintenance } from "./environment.ts";
import type { RouteRules } from "./release.ts";

/** An instance as the edge knows it. */
export interface Upstream {
  /** The instance's name. */
  readonly id: string;
  readonly release: number;
  readonly host: string;
  readonly port: number;
  /** Share of the route's new requests relative to its other upstreams; more than 0. */
  readonly weight: number;
}

/** Where an environment's own instances call from, and where they find the edge. */
export interface Inside {
  /** IPv4 networks, like `10.222.3.0/24`. */
  readonly callers: readonly string[];
  /** Addresses of this machine at which they call the edge, where it does not listen on all. */
  readonly doors: readonly string[];
}

/** Of an environment that has nothing running yet. */
export const nowhere: Inside = { callers: [], doors: [] };

/** One routed service: its hosts, who answers, and how. */
export interface Route extends RouteRules {
  readonly service: string;
  readonly hosts: readonly string[];
  readonly upstreams: readonly Upstream[];
  /** Requests wait, each at most this long, instead of going to an upstream. Null: they go at once. */
  readonly holdMs: number | null;
  /** Only these may call it, to anybody else there is no such host. Null: it is open to all. */
  readonly inside: Inside | null;
  /** Every request is answered 503 by the edge, also on a held route. Null: it is open. */
  readonly maintenance: Maintenance | null;
}

/**
 * Proxies in front of the edge, and what they are believed. Of a connection from one of them the edge takes the client's
 * address and protocol out of `X-Forwarded-For` and `X-Forwarded-Proto` and goes on with both; whatever others say there is
 * replaced.
 */
export interface FrontProxies {
  /** Addresses and networks, like `10.0.0.0/8`. None: nobody is believed. */
  readonly trust: readonly string[];
  /** Connections from them begin with a PROXY protocol header, version 1 or 2; without one they are cut. */
  readonly proxyProtocol: boolean;
}

export const noFrontProxies: FrontProxies = { trust: [], proxyProtocol: false };

/**
 * What `headers: secure` adds where the app did not decide itself (R291). `X-XSS-Protection` is obsolete, but asked for and
 * harmless in every browser of today. The last one only in answers over TLS (X027).
 */
export const securityHeaders = {
  always: [
    ["x-content-type-options", "nosniff"],
    ["x-frame-options", "DENY"],
    ["x-xss-protection", "1; mode=block"],
    ["referrer-policy", "strict-origin-when-cross-origin"],
    ["permissions-policy", "camera=(), geolocation=(), microphone=()"],
  ],
  overTls: [["strict-transport-security", "max-age=31536000; includeSubDomains"]],
} as const satisfies Record<string, readonly (readonly [string, string])[]>;

/** All routes of one environment, replaced as a whole. `version` names the content, so that a repeated apply is harmless. */
export interface RouteTable {
  readonly owner: string;
  readonly version: string;
  readonly routes: readonly Route[];
}

/** Builds the table of an owner; equal routes give an equal version. */
export function routeTable(owner: string, routes: readonly Route[]): RouteTable {
  return { owner, version: sha256(canonicalJson(routes)), routes };
}

/** What went through one upstream since the edge first saw it. */
export interface UpstreamStats {
  /** Requests and streams under way, also after it left the routes. */
  readonly active: number;
  readonly requests: number;
  /** Returns with a 5xx status, and requests that found nobody. */
  readonly failures: number;
  readonly p95Ms: number;
}

/** One request that the edge has answered. */
export interface AccessRecord {
  readonly at: number;
  readonly owner: string;
  readonly service: string;
  readonly release: number | null;
  readonly instance: string | null;
  readonly requestId: string;
  /** The client's address, told by a proxy in front where that is believed. */
  readonly client: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
}
