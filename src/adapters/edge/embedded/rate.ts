import type { RateLimit } from "../../../model/release.ts";

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * A token bucket per client address: it holds `burst` requests (at least one) and refills with `requests` per `windowMs`.
 * Remembers at most `limit` addresses; the one unused for longest is forgotten first, which only ever lets a client through.
 */
export class RateLimiter {
  readonly #rate: RateLimit;
  readonly #limit: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: RateLimit, limit: number) {
    this.#rate = rate;
    this.#limit = limit;
  }

  get addresses(): number {
    return this.#buckets.size;
  }

  /** Takes one request of this address at time `now` (ms). 0: go on; else the ms until there is a token again. */
  take(address: string, now: number): number {
    const capacity = Math.max(1, this.#rate.burst);
    const perMs = this.#rate.requests / this.#rate.windowMs;
    const bucket = this.#buckets.get(address) ?? { tokens: capacity, at: now };
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > this.#limit) this.#forgetOldest();
    bucket.tokens = Math.min(capacity, bucket.tokens + Math.max(0, now - bucket.at) * perMs);
    bucket.at = now;
    if (bucket.tokens < 1) return Math.max(1, (1 - bucket.tokens) / perMs);
    bucket.tokens -= 1;
    return 0;
  }

  #forgetOldest(): void {
    for (const address of this.#buckets.keys()) {
      this.#buckets.delete(address);
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
