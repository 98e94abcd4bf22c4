import { expect, test } from "vitest";
import { clientKey, RateLimiter } from "./rate.ts";

test("the burst goes at once, then one request per refill, and the wait is told", () => {
  const limiter = new RateLimiter({ requests: 60, windowMs: 60_000, burst: 2 }, 10);
  expect([0, 0, 0].map((now) => limiter.take("a", now))).toEqual([0, 0, 1_000]);
  expect(limiter.take("a", 999)).toBeCloseTo(1);
  expect(limiter.take("a", 1_000)).toBe(0);
  expect(limiter.take("b", 0)).toBe(0);
});

test("a long pause never gives more than the burst", () => {
  const limiter = new RateLimiter({ requests: 100, windowMs: 1_000, burst: 2 }, 10);
  const at = [0, 1e6, 1e6, 1e6];
  expect(at.map((now) => limiter.take("a", now) === 0)).toEqual([true, true, true, false]);
});

test("no more addresses are remembered than the limit, the one unused for longest goes first", () => {
  const limiter = new RateLimiter({ requests: 1, windowMs: 60_000, burst: 1 }, 2);
  for (const address of ["a", "b", "a", "c"]) limiter.take(address, 0);
  expect(limiter.addresses).toBe(2);
  expect(limiter.take("a", 0)).toBeGreaterThan(0);
  expect(limiter.take("b", 0)).toBe(0);
});

test.each([
  ["10.0.0.1", "10.0.0.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:db8::1", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
])("the client %s counts as %s", (address, key) => {
  expect(clientKey(address)).toBe(key);
});
