import { describe, expect, test } from "vitest";
import type { HeldCertificate, HostRecord } from "../model/certificate.ts";
import { type CertificateSnapshot, mayAskAt, planCertificates, renewAt, servedHosts } from "./certificates.ts";

const hour = 3_600_000;
const day = 24 * hour;
const now = 1_000 * day;

function held(hosts: readonly string[], more: Partial<HeldCertificate> = {}): HeldCertificate {
  const times = { from: now - 10 * day, until: now + 80 * day };
  return { id: `acme-${hosts[0]}`, source: "acme", hosts, issuer: "CA", serial: "01", ...times, ...more };
}

function record(host: string, more: Partial<HostRecord>): HostRecord {
  return { host, failures: 0, lastAt: 0, fault: null, rehearsedAt: null, ...more };
}

function world(more: Partial<CertificateSnapshot>): CertificateSnapshot {
  const routes = [{ key: { app: "shop", environment: "production" }, service: "web", hosts: ["shop.com"] }];
  return { now, tls: true, routes, held: [], records: [], acme: "direct", ...more };
}

const hosts = (...names: string[]) => [
  { key: { app: "shop", environment: "production" }, service: "web", hosts: names },
];
const fault = { code: "certificate.refused", detail: "no", hint: "" } as const;

/** The world, and what comes of it: `<authority> <hosts>[ renews]` for every order. */
const table: readonly [sentence: string, world: Partial<CertificateSnapshot>, orders: readonly string[]][] = [
  ["a served public name without a certificate is ordered", {}, ["acme shop.com"]],
  ["without TLS at the edge nothing is asked", { tls: false }, []],
  ["without consent to an authority nothing is asked of it", { acme: "none" }, []],
  ["the hosts of a route share a certificate", { routes: hosts("a.com", "b.com") }, ["acme a.com b.com"]],
  [
    "a wildcard, an address, one label and reserved names are never asked for in public",
    {
      routes: hosts("*.shop.com", "192.0.2.1", "[::1]", "intranet", "shop.test", "shop.internal", "printer.local"),
    },
    [],
  ],
  [
    "names of this machine are signed by its own authority, also without another one",
    {
      routes: hosts("web.shop.localhost", "localhost", "shop.com"),
      acme: "none",
    },
    ["local web.shop.localhost localhost"],
  ],
  [
    "a name that is held self-signed on request stays so",
    {
      held: [held(["shop.com"], { source: "self-signed" })],
    },
    [],
  ],
  [
    "and is signed again when its time comes",
    {
      held: [held(["shop.com"], { source: "self-signed", until: now + day })],
    },
    ["local shop.com renews"],
  ],
  ["what is held and fresh is left alone", { held: [held(["shop.com"])] }, []],
  [
    "with a third of its life left it is renewed",
    {
      held: [held(["shop.com"], { from: now - 60 * day, until: now + 30 * day })],
    },
    ["acme shop.com renews"],
  ],
  [
    "a moment earlier it is not",
    {
      held: [held(["shop.com"], { from: now - 60 * day, until: now + 30 * day + 3 })],
    },
    [],
  ],
  [
    "an own certificate keeps everybody else out until its end",
    {
      held: [held(["*.shop.com"], { source: "own", until: now + 1 })],
      routes: hosts("www.shop.com"),
    },
    [],
  ],
  [
    "after its end the authority is asked",
    {
      held: [held(["*.shop.com"], { source: "own", until: now })],
      routes: hosts("www.shop.com"),
    },
    ["acme www.shop.com"],
  ],
  [
    "an own wildcard does not reach two levels down, nor the name itself",
    {
      held: [held(["*.shop.com"], { source: "own" })],
      routes: hosts("shop.com", "a.b.shop.com"),
    },
    ["acme shop.com a.b.shop.com"],
  ],
  [
    "a host that failed waits, and does not hold up the others",
    {
      routes: hosts("a.com", "b.com"),
      records: [record("a.com", { failures: 1, lastAt: now - hour + 1, fault })],
    },
    ["acme b.com"],
  ],
  [
    "after its hour it is asked again",
    {
      records: [record("shop.com", { failures: 1, lastAt: now - hour, fault })],
    },
    ["acme shop.com"],
  ],
  [
    "an order that was cut off is asked again after a minute, not at once",
    {
      records: [record("shop.com", { lastAt: now - 59_000 })],
    },
    [],
  ],
  ["a rehearsal comes first where it is wished for", { acme: "rehearsed" }, ["staging shop.com"]],
  [
    "after a good rehearsal the real one follows",
    {
      acme: "rehearsed",
      records: [record("shop.com", { rehearsedAt: now - hour })],
    },
    ["acme shop.com"],
  ],
  [
    "a renewal is not rehearsed",
    {
      acme: "rehearsed",
      held: [held(["shop.com"], { from: now - 60 * day, until: now + 20 * day })],
    },
    ["acme shop.com renews"],
  ],
  [
    "routes are ordered one by one",
    {
      routes: [
        ...hosts("a.com"),
        { key: { app: "blog", environment: "production" }, service: "web", hosts: ["b.com"] },
      ],
    },
    ["acme a.com", "acme b.com"],
  ],
];

describe("what is ordered", () => {
  test.each(table)("%s", (_sentence, more, orders) => {
    const plan = planCertificates(world(more));
    expect(plan.orders.map((o) => [o.from, ...o.hosts, ...(o.renews ? ["renews"] : [])].join(" "))).toEqual(orders);
  });
});

test("it says when to look again: at the first renewal or the end of a wait", () => {
  const fresh = held(["shop.com"]);
  expect(planCertificates(world({ held: [fresh] })).lookAgainAt).toBe(renewAt(fresh));
  const failed = record("b.com", { failures: 2, lastAt: now - hour, fault });
  const both = world({ held: [fresh], routes: hosts("shop.com", "b.com"), records: [failed] });
  expect(planCertificates(both).lookAgainAt).toBe(now + hour);
  expect(planCertificates(world({ routes: hosts("shop.test") })).lookAgainAt).toBeNull();
});

test("waits double from an hour to a day", () => {
  const waits = [1, 2, 3, 4, 5, 6, 20].map((failures) => mayAskAt(record("a.com", { failures, lastAt: 0, fault })));
  expect(waits.map((ms) => ms / hour)).toEqual([1, 2, 4, 8, 16, 24, 24]);
});

test("every host is served with one certificate: good before ended, own before asked for, later end before earlier", () => {
  const own = held(["a.com"], { id: "own", source: "own" });
  const ended = held(["b.com"], { id: "own-ended", source: "own", until: now - 1 });
  const asked = held(["a.com", "b.com", "c.com"], { id: "asked" });
  const later = held(["c.com"], { id: "later", until: now + 89 * day });
  const served = servedHosts([own, ended, asked, later], now);
  expect(Object.fromEntries(served)).toEqual({ own: ["a.com"], "own-ended": [], asked: ["b.com"], later: ["c.com"] });
});

test("what serves nothing is dropped, unless a person gave it", () => {
  const overtaken = held(["a.com"], { id: "overtaken" });
  const newer = held(["a.com"], { id: "newer", until: now + 85 * day });
  const ended = held(["gone.com"], { id: "ended", until: now - 8 * day });
  const own = held(["old.com"], { id: "own", source: "own", until: now - 80 * day });
  expect(planCertificates(world({ held: [overtaken, newer, ended, own] })).drop).toEqual(["overtaken", "ended"]);
});

test("a plan that was carried out leaves nothing to do", () => {
  const before = world({ routes: hosts("a.com", "b.com") });
  const [order] = planCertificates(before).orders;
  const after = { ...before, held: [held(order?.hosts ?? [], { from: now, until: now + 90 * day })] };
  expect(planCertificates(after)).toMatchObject({ orders: [], drop: [] });
});
