import { expect, test } from "vitest";
import { clientKey, RateLimiter } from "./rate.ts";

const minute = { requests: 100, windowMs: 60_000, burst: 100 };

test("of 101 calls in 60 s the last one is refused, however they are spread (R292)", () => {
  for (const everyMs of [0, 1, 7, 300, 594]) {
    const limiter = new RateLimiter(minute, 10);
    const waits = Array.from({ length: 101 }, (_none, index) => limiter.take("a", index * everyMs));
    expect(waits.slice(0, 100).every((wait) => wait === 0)).toBe(true);
    // Never let through early; at most one part of the window too late.
    const exact = 60_000 - 100 * everyMs;
    expect(waits[100]).toBeGreaterThanOrEqual(exact);
    expect(waits[100]).toBeLessThanOrEqual(exact + 1_000);
    expect(limiter.take("b", 0)).toBe(0);
  }
});

test("in no window of any time more requests pass than the burst, whatever the times", () => {
  const limiter = new RateLimiter({ requests: 10, windowMs: 1_000, burst: 20 }, 10);
  const passed: number[] = [];
  let now = 0;
  for (let i = 0; i < 5_000; i += 1) {
    now += (i * 7_919) % 97 < 60 ? 1 : (i * 31) % 400;
    if (limiter.take("a", now) === 0) passed.push(now);
  }
  passed.forEach((at, index) => {
    const twentieth = passed[index + 20];
    if (twentieth !== undefined) expect(twentieth - at).toBeGreaterThanOrEqual(2_000);
  });
  expect(passed.length).toBeGreaterThan((now / 1_000) * 6);
});

test("refused requests do not count, and after the wait that was told the next one passes", () => {
  const limiter = new RateLimiter({ requests: 60, windowMs: 60_000, burst: 2 }, 10);
  expect([0, 100].map((now) => limiter.take("a", now))).toEqual([0, 0]);
  const wait = limiter.take("a", 500);
  expect(wait).toBe(1_500);
  for (let i = 0; i < 10; i += 1) limiter.take("a", 600 + i);
  expect(limiter.take("a", 500 + wait)).toBe(0);
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
