import type { Secret } from "../base/secret.ts";
import type { AccessRecord, RouteTable, UpstreamStats } from "../model/route.ts";

/** The edge's state for one owner. `up: false` if it does not answer controller or clients; the rest is then empty. */
export interface EdgeState {
  readonly up: boolean;
  readonly table: RouteTable | null;
  /** By upstream id; an upstream that left the table stays until its requests have ended. */
  readonly stats: Readonly<Record<string, UpstreamStats>>;
}

/** The edge's answer to clients, probed like a client: over a new connection to its public address. */
export interface EdgeAnswer {
  /** Whether a client gets an answer. */
  readonly answers: boolean;
  /** Since when; null: not probed yet. */
  readonly since: number | null;
  /** The problem, in words; null: none. */
  readonly detail: string | null;
}

/** A certificate that the edge serves for these hosts. */
export interface EdgeCertificate {
  /** Names, or `*.` and a name for all names one level below it. */
  readonly hosts: readonly string[];
  /** PEM: the server's certificate, then the intermediate ones. */
  readonly chain: string;
  /** PEM, not encrypted. */
  readonly key: Secret;
}

/** An answer for a certificate authority's challenge (RFC 8555 section 8.3). */
export interface ChallengeAnswer {
  readonly token: string;
  readonly answer: string;
}

/**
 * The reverse proxy. Contract, for every adapter (src/testing/conformance/edge.ts):
 * - `apply` replaces all routes of one owner atomically, for new requests; running requests and streams continue where
 *   they are. A table that is invalid (`route.invalid`) or wants a host of another owner (`route.host-taken`) changes
 *   nothing.
 * - The last good table of every owner is on disk before `apply` returns, and the edge starts from it.
 * - It keeps running without the controller, and closes no client connection because of a change.
 * - Over TLS (1.2 and newer) it serves the same routes. The certificate is chosen by the name that the client asks for:
 *   the exact one, otherwise the wildcard one level up. A name without a certificate gets a TLS alert, never the
 *   certificate of another host. `X-Forwarded-Proto` tells apps the client's protocol; `Strict-Transport-Security` is
 *   sent over TLS only.
 */
export interface Edge {
  /**
   * Starts it if it does not run. Kills it first if it is hung: if it has answered nothing for 10 s, neither to clients
   * nor at its own socket. Idempotent. Faults: `listen.in-use`, `edge.unreachable`.
   */
  ensure(): Promise<void>;
  /** Its current state; that it is down or does not answer in time is a result (`up: false`), not a fault. */
  observe(owner: string): Promise<EdgeState>;
  apply(table: RouteTable): Promise<void>;
  /** Drops an owner's routes; its hosts answer 404. */
  remove(owner: string): Promise<void>;
  /** Owners with a table. */
  owners(): Promise<readonly string[]>;
  /** Live access records, until the returned function is called; records without a listener may be dropped. */
  records(listener: (records: readonly AccessRecord[]) => void): () => void;
  /** Called when the edge goes down or comes back, until the returned function is called. */
  changes(listener: () => void): () => void;
  /** Its answer to the last client probe; it is probed every 2 s and before `observe` returns. */
  answer(): EdgeAnswer;
  /** Where it takes traffic from outside. */
  address(): { readonly host: string; readonly port: number };
  /** Where it takes TLS from outside; null when it does not. */
  secureAddress(): { readonly host: string; readonly port: number } | null;
  /**
   * Serves exactly these certificates to new connections and closes none. They are on disk before it returns, readable
   * only by this user, and the edge starts from them. Fault `certificate.invalid`, and nothing changes, if a chain or
   * key cannot be read, the two do not match, or a host is named twice.
   */
  applyCertificates(certificates: readonly EdgeCertificate[]): Promise<void>;
  /**
   * Returns exactly these tokens at `/.well-known/acme-challenge/<token>` over plain HTTP, for every host, before
   * routes, redirects and limits; other tokens are handled like any request. They are lost when the edge ends.
   */
  applyChallenges(answers: readonly ChallengeAnswer[]): Promise<void>;
  /** Releases it; it keeps running. */
  close(): Promise<void>;
}
