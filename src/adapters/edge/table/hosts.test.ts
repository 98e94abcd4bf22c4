import { expect, test } from "vitest";
import { hostName, hostPattern, wildcardOf } from "./hosts.ts";

test.each([
  ["Shop.Example.com:8080", "shop.example.com"],
  ["shop.example.com.", "shop.example.com"],
  ["shop.example.com.:80", "shop.example.com"],
  ["[::1]:80", "[::1]"],
  ["pr-12--shop.localhost", "pr-12--shop.localhost"],
  ["", null],
  ["a b", null],
  ["a..b", null],
  ["a/../b", null],
  ["-a.b", null],
  ["a,b", null],
  [`${"a".repeat(64)}.b`, null],
  ["a.".repeat(130), null],
])("the Host header %s names %s", (header, host) => {
  expect(hostName(header)).toBe(host);
});

test("a pattern may be wild in its first label only and has no port", () => {
  expect(hostPattern("*.Shop.test")).toBe("*.shop.test");
  for (const bad of ["*", "a.*.test", "*.*.test", "shop.test:80", "*a.test"]) expect(hostPattern(bad)).toBeNull();
  expect(wildcardOf("a.b.test")).toBe("*.b.test");
});
