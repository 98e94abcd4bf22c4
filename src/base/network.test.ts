import { expect, test } from "vitest";
import { parseNetwork } from "./network.ts";

test.each([
  ["10.0.0.0/8", { address: "10.0.0.0", bits: 8, family: "ipv4" }],
  ["127.0.0.1", { address: "127.0.0.1", bits: 32, family: "ipv4" }],
  ["fd00::/8", { address: "fd00::", bits: 8, family: "ipv6" }],
  ["::1", { address: "::1", bits: 128, family: "ipv6" }],
  ["0.0.0.0/0", { address: "0.0.0.0", bits: 0, family: "ipv4" }],
])("%s is a network", (text, network) => {
  expect(parseNetwork(text)).toEqual(network);
});

test.each(["", "10.0.0.0/33", "::1/129", "10.0.0/8", "proxy.internal", "10.0.0.0/", "10.0.0.0/8/8", " 10.0.0.1"])(
  "%j is none",
  (text) => {
    expect(parseNetwork(text)).toBeNull();
  },
);
