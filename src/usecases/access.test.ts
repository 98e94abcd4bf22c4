import { expect, test } from "vitest";
import { publicUrl } from "./access.ts";

function deps(secure: { host: string; port: number } | null, port = 80) {
  const well = { answers: true, since: 0, detail: null };
  const edge = { address: () => ({ host: "0.0.0.0", port }), secureAddress: () => secure, answer: () => well };
  return { edge, certificates: { has: (host: string) => host === "shop.com" } as never };
}

test("a host is reached over TLS where the edge has a certificate for it, and by plain HTTP elsewhere", () => {
  const both = deps({ host: "0.0.0.0", port: 443 });
  expect(publicUrl(both, "shop.com")).toBe("https://shop.com");
  expect(publicUrl(both, "plain.com")).toBe("http://plain.com");
  expect(publicUrl(deps({ host: "0.0.0.0", port: 8443 }, 8080), "shop.com")).toBe("https://shop.com:8443");
  expect(publicUrl(deps(null, 8080), "shop.com")).toBe("http://shop.com:8080");
});
