import type { AccessRecord, RouteTable, UpstreamStats } from "../model/route.ts";

/** What the edge says of one owner. `up: false` when it does not answer; the rest is then empty. */
export interface EdgeState {
  readonly up: boolean;
  readonly table: RouteTable | null;
  /** By upstream id; an upstream that left the table stays until nothing of it is under way. */
  readonly stats: Readonly<Record<string, UpstreamStats>>;
}

/**
 * The reverse proxy. Contract, for every adapter (src/testing/conformance/edge.ts):
 * - `apply` replaces all routes of one owner in one instant, for new requests; requests and streams under way go on where
 *   they are. A table that is invalid (`route.invalid`) or wants a host of another owner (`route.host-taken`) changes nothing.
 * - The last good table of every owner is on disk before `apply` returns, and is what the edge starts from.
 * - It goes on without the controller, and closes no client connection because of a change.
 */
export interface Edge {
  /** Starts it when it does not run. Idempotent. Faults: `listen.in-use`, `edge.unreachable`. */
  ensure(): Promise<void>;
  /** Never throws. */
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
  /** Where it takes traffic from outside. */
  address(): { readonly host: string; readonly port: number };
  /** Lets go of it; it keeps running. */
  close(): Promise<void>;
}
