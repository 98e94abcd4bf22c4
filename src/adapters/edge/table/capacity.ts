import { descriptorLimit } from "../../../host/proc.ts";

/** How many connections an edge takes before it refuses some, so that it never runs out of descriptors or memory. */
export interface Capacity {
  /** Of all clients. */
  readonly connections: number;
  /** Of one client: an IPv4 address, or the /64 network of an IPv6 address. Proxies that are believed have no such limit. */
  readonly perClient: number;
  /** Running requests of one service. */
  readonly perService: number;
  /** Connections beyond the limit that still get an answer; further ones are closed silently. */
  readonly turnedAway: number;
}

/** For tables, sockets of the controller, connections to apps that end, and those that are turned away. */
const reserved = 256;
/**
 * An idle one takes about 10 KB in the embedded edge, a busy one up to 64 KB of buffers in HAProxy: about 200 MB to 1
 * GB.
 */
const mostConnections = 16_384;
const turnedAway = 64;
/** A machine with fewer descriptors than this serves some clients rather than none. */
const fewestConnections = 32;

/** What an edge with so many descriptors takes: one request needs two, its client's and its app's. Pure. */
export function capacityOf(descriptors: number): Capacity {
  const most = Math.floor((descriptors - reserved) / 2) - 2 * turnedAway;
  const connections = Math.min(mostConnections, Math.max(fewestConnections, most));
  return {
    connections,
    // An office or a mobile network behind one address has hundreds of browsers with 6 connections each; four of them fill nothing.
    perClient: Math.ceil(connections / 8),
    // Whatever one service does, others keep a quarter.
    perService: Math.ceil((connections * 3) / 4),
    turnedAway,
  };
}

/** How many descriptors an edge may have at most; where the system does not tell, what it usually gives. */
export function edgeDescriptors(): number {
  return descriptorLimit() ?? 10_240;
}
