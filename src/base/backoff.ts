/** Exponential delay before try number `attempt` (0 = at once): `first`, 2·first, 4·first … at most `limit` ms. */
export function backoff(attempt: number, { first, limit }: { first: number; limit: number }): number {
  if (attempt <= 0) return 0;
  return Math.min(limit, first * 2 ** Math.min(attempt - 1, 30));
}
