import { expect, test } from "vitest";
import { type AskedTarget, redirectOf } from "./redirects.ts";

const door = { port: 443, has: (host: string) => host === "www.a.test" || host === "a.test" };
const asked = (host: string, more: Partial<AskedTarget> = {}): AskedTarget => ({
  target: { host, path: "/x?y=1" },
  proto: "http",
  ...more,
});
const plain = { canonical: null, https: "redirect" } as const;

test("plain HTTP goes to HTTPS only where there is a certificate for the host", () => {
  expect(redirectOf(plain, asked("a.test"), null)).toBeNull();
  expect(redirectOf(plain, asked("b.test"), door)).toBeNull();
  expect(redirectOf(plain, asked("A.test:80"), door)).toBe("https://a.test/x?y=1");
  expect(redirectOf(plain, asked("a.test"), { ...door, port: 8443 })).toBe("https://a.test:8443/x?y=1");
  expect(redirectOf(plain, asked("a.test", { proto: "https" }), door)).toBeNull();
  expect(redirectOf({ ...plain, https: "both" }, asked("a.test"), door)).toBeNull();
});

test("the canonical host and HTTPS are reached in one step, and each alone", () => {
  const canonical = { canonical: "www.a.test", https: "redirect" } as const;
  expect(redirectOf(canonical, asked("a.test:8080"), door)).toBe("https://www.a.test/x?y=1");
  expect(redirectOf(canonical, asked("a.test:8443", { proto: "https" }), door)).toBe("https://www.a.test:8443/x?y=1");
  expect(redirectOf(canonical, asked("a.test:8080"), null)).toBe("http://www.a.test:8080/x?y=1");
  expect(redirectOf({ ...canonical, https: "both" }, asked("a.test"), door)).toBe("http://www.a.test/x?y=1");
  expect(redirectOf(canonical, asked("www.a.test", { proto: "https" }), door)).toBeNull();
});

test("a certificate authority's question is sent nowhere else", () => {
  const target = { host: "a.test", path: "/.well-known/acme-challenge/token" };
  expect(redirectOf({ canonical: "www.a.test", https: "redirect" }, { target, proto: "http" }, door)).toBeNull();
});
