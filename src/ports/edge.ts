import type { Secret } from "../base/secret.ts";
import type { AccessRecord, RouteTable, UpstreamStats } from "../model/route.ts";

/** What the edge says of one owner. `up: false` when it does not answer its controller or its clients; the rest is then empty. */
export interface EdgeState {
  readonly up: boolean;
  readonly table: RouteTable | null;
  /** By upstream id; an upstream that left the table stays until nothing of it is under way. */
  readonly stats: Readonly<Record<string, UpstreamStats>>;
}

/** What the edge says to those whom it serves, asked as they ask: over a new connection to where it takes traffic. */
export interface EdgeAnswer {
  /** Whether a client gets an answer. */
  readonly answers: boolean;
  /** Since when; null: not probed yet. */
  readonly since: number | null;
  /** What is wrong, in words; null: nothing. */
  readonly detail: string | null;
}

/** What the edge proves with that it is these hosts. */
export interface EdgeCertificate {
  /** Names, or `*.` and a name for all names one level below it. */
  readonly hosts: readonly string[];
  /** PEM: the server's own certificate first, then those between it and a root. */
  readonly chain: string;
  /** PEM, not encrypted. */
  readonly key: Secret;
}

/** An answer that a certificate authority wants to read (RFC 8555 section 8.3). */
export interface ChallengeAnswer {
  readonly token: string;
  readonly answer: string;
}

/**
 * The reverse proxy. Contract, for every adapter (src/testing/conformance/edge.ts):
 * - `apply` replaces all routes of one owner in one instant, for new requests; requests and streams under way go on where
 *   they are. A table that is invalid (`route.invalid`) or wants a host of another owner (`route.host-taken`) changes nothing.
 * - The last good table of every owner is on disk before `apply` returns, and is what the edge starts from.
 * - It goes on without the controller, and closes no client connection because of a change.
 * - Over TLS (1.2 and newer) it serves the same routes. The certificate is chosen by the name that the client asks for: the
 *   exact one, else the wildcard one level up. A name without a certificate gets a TLS alert, and nobody else's certificate.
 *   Apps read in `X-Forwarded-Proto` how their client came; `Strict-Transport-Security` is sent over TLS only.
 */
export interface Edge {
  /**
   * Starts it when it does not run. Ends it before when it is hung: when it has answered nothing for 10 s, neither to clients nor at its own
   * socket. Idempotent. Faults: `listen.in-use`, `edge.unreachable`.
   */
  ensure(): Promise<void>;
  /** What it says now; that it is away, or does not answer in time, is an answer (`up: false`) and no fault. */
  observe(owner: string): Promise<EdgeState>;
  apply(table: RouteTable): Promise<void>;
  /** Drops an owner's routes; its hosts answer 404. */
  remove(owner: string): Promise<void>;
  /** Owners with a table. */
  owners(): Promise<readonly string[]>;
  /** Access records as they happen, until the answer is called; records made while nobody listens may be dropped. */
  records(listener: (records: readonly AccessRecord[]) => void): () => void;
  /** Called when the edge went away or came back, until the answer is called. */
  changes(listener: () => void): () => void;
  /** What it answered to clients when it was asked last, which is done every 2 s and before `observe` answers. */
  answer(): EdgeAnswer;
  /** Where it takes traffic from outside. */
  address(): { readonly host: string; readonly port: number };
  /** Where it takes TLS from outside; null when it does not. */
  secureAddress(): { readonly host: string; readonly port: number } | null;
  /**
   * Serves exactly these certificates, for new connections; none is closed for it. They are on disk before it returns, for
   * this user alone, and are what the edge starts from. Fault `certificate.invalid`, and nothing changes, when a chain or
   * key cannot be read, the two do not belong together, or a host is named twice.
   */
  applyCertificates(certificates: readonly EdgeCertificate[]): Promise<void>;
  /**
   * Answers exactly these tokens at `/.well-known/acme-challenge/<token>` over plain HTTP, for every host, before routes,
   * redirects and limits; other tokens go the way of any request. They are gone when the edge ends.
   */
  applyChallenges(answers: readonly ChallengeAnswer[]): Promise<void>;
  /** Lets go of it; it keeps running. */
  close(): Promise<void>;
}
