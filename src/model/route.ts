import { canonicalJson, sha256 } from "../base/digest.ts";
import type { RouteLimits } from "./release.ts";

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

/** One routed service: its hosts, who answers, and how. */
export interface Route {
  readonly service: string;
  readonly hosts: readonly string[];
  readonly upstreams: readonly Upstream[];
  /** Requests wait, each at most this long, instead of going to an upstream. Null: they go at once. */
  readonly holdMs: number | null;
  readonly timeoutMs: number;
  readonly limits: RouteLimits;
  readonly headers: "secure" | "none";
}

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
  /** Answers with a 5xx status, and requests that found nobody. */
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
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
}
