import type { FrontProxies } from "../../../model/route.ts";
import type { Capacity } from "../table/capacity.ts";
import { plainText, retryAfterS } from "../table/own-pages.ts";

/** What HAProxy itself takes: more than it is to serve, so that it refuses the rest and leaves nobody waiting in the system's queue. */
export function mostConnections({ connections, turnedAway }: Capacity): number {
  return connections + 2 * turnedAway;
}

/** The table that counts connections per client. */
export const clientsPart = `backend clients
  stick-table type ipv6 size 100k expire 1m store conn_cur`;

/**
 * Closes connections of a client that has too many, and tells those that come when all are taken, before anything else
 * is checked. Proxies that are believed stand for many clients.
 */
export function crowdRules({ connections, perClient, turnedAway }: Capacity, { trust }: FrontProxies): string {
  const others = trust.length === 0 ? "" : ` unless { src ${trust.join(" ")} }`;
  return `  # Room for everybody.
  tcp-request connection track-sc0 src,ipmask(32,64) table clients${others}
  tcp-request connection reject if { sc0_conn_cur(clients) gt ${perClient} } or { fe_conn gt ${connections + turnedAway} }
  tcp-request session set-var(sess.crowded) bool(true) if { fe_conn gt ${connections} }
`;
}

const crowded = `content-type "text/plain; charset=utf-8" string "${plainText(503).replaceAll("\n", "\\n")}" hdr retry-after ${retryAfterS.unavailable}`;

/** The first rule for requests, once they have an id. */
export const turnAway = `  http-request return status 503 ${crowded} hdr connection close if { var(sess.crowded) -m bool }
`;

/** The first rule of a pool: its running requests leave capacity for other services. */
export function poolRule({ perService }: Capacity): string {
  return `  http-request set-var(txn.full) bool(true) if { be_conn gt ${perService} }
  http-request return status 503 ${crowded} if { var(txn.full) -m bool }`;
}
