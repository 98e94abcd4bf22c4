import type { RateLimit } from "../../../model/release.ts";

/** Requests that came within one part of the window. */
interface Bucket {
  readonly from: number;
  last: number;
  count: number;
}

/** What is remembered of a client, oldest first. */
interface Client {
  readonly buckets: Bucket[];
  total: number;
}

/** A window is remembered in so many parts at most: enough that a client waits at most 2 % too long, never too short. */
const parts = 60;

/**
 * A sliding window per client address, as `RateLimit` says. Requests that were refused do not count. Remembers at most
 * `limit` addresses; the one unused for longest is forgotten first, which only ever lets a client through.
 */
export class RateLimiter {
  readonly #most: number;
  readonly #windowMs: number;
  readonly #limit: number;
  readonly #clients = new Map<string, Client>();

  constructor({ requests, windowMs, burst }: RateLimit, limit: number) {
    this.#most = Math.max(1, burst);
    this.#windowMs = (windowMs * this.#most) / requests;
    this.#limit = limit;
  }

  get addresses(): number {
    return this.#clients.size;
  }

  /**
   * Counts one request of this address at time `now` (ms). Returns 0 if it may pass, otherwise the ms until the next
   * one may.
   */
  take(address: string, now: number): number {
    const client = this.#clients.get(address) ?? { buckets: [], total: 0 };
    this.#clients.delete(address);
    this.#clients.set(address, client);
    if (this.#clients.size > this.#limit) this.#forgetOldest();
    this.#forgetBuckets(client, now);
    const oldest = client.buckets[0];
    if (oldest !== undefined && client.total >= this.#most) return oldest.last + this.#windowMs - now;
    const newest = client.buckets.at(-1);
    if (newest !== undefined && now - newest.from < this.#windowMs / parts) {
      newest.last = now;
      newest.count += 1;
    } else {
      client.buckets.push({ from: now, last: now, count: 1 });
    }
    client.total += 1;
    return 0;
  }

  #forgetBuckets(client: Client, now: number): void {
    for (;;) {
      const oldest = client.buckets[0];
      if (oldest === undefined || oldest.last + this.#windowMs > now) return;
      client.buckets.shift();
      client.total -= oldest.count;
    }
  }

  #forgetOldest(): void {
    for (const address of this.#clients.keys()) {
      this.#clients.delete(address);
      return;
    }
  }
}

/** What counts as one client: an IPv4 address, or the /64 network of an IPv6 address, which is what one customer gets. */
export function clientKey(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const left = head.split(":").filter(Boolean);
  const right = tail?.split(":").filter(Boolean) ?? [];
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0");
  return [...left, ...zeros, ...right].slice(0, 4).join(":");
}
