import { describe, expect, test } from "vitest";
import type { Serving } from "../model/environment.ts";
import { readWorld } from "../testing/simulation/case.ts";
import { holdFor, tableFor } from "./routes.ts";

const base: Serving = { release: 1, generations: { web: "dep_1", admin: "dep_1" } };
const next: Serving = { release: 2, generations: { web: "dep_2", admin: "dep_2" } };
const nobody = new Map<string, Serving>();

function weights(world: string, blend: Partial<Parameters<typeof tableFor>[1]>) {
  const s = readWorld(world);
  const table = tableFor(s, { base, next: null, share: 0, exchanged: nobody, ...blend });
  const upstreams = table?.routes.find(({ service }) => service === "web")?.upstreams ?? [];
  return Object.fromEntries(upstreams.map(({ id, weight }) => [id.replace("fl-shop-production-web-", ""), weight]));
}

const web = "service web http replicas=2\nrelease 1\nrelease 2\nserving v1 dep_1\n";
const old = "instance web v1 dep_1 0 gated routed\ninstance web v1 dep_1 1 gated routed\n";
const fresh = "instance web v2 dep_2 0 gated\ninstance web v2 dep_2 1 gated\n";

describe("whom the routes point at", () => {
  test("a share of the traffic is divided among the instances of each side", () => {
    const split = weights(web + old + fresh, { next, share: 0.2 });
    expect(split).toEqual({ "v1-0-1-0": 400, "v1-1-1-0": 400, "v2-0-2-0": 100, "v2-1-2-0": 100 });
  });

  test("before the switch nothing goes to the new side, after it nothing to the old one", () => {
    expect(Object.keys(weights(web + old + fresh, { next, share: 0 }))).toEqual(["v1-0-1-0", "v1-1-1-0"]);
    expect(Object.keys(weights(web + old + fresh, { next, share: 1 }))).toEqual(["v2-0-2-0", "v2-1-2-0"]);
  });

  test("an instance that has not passed its gate gets nothing, however well it answers", () => {
    const ungated = "instance web v1 dep_1 0 gated routed\ninstance web v1 dep_1 1 ready=9\n";
    expect(Object.keys(weights(web + ungated, {}))).toEqual(["v1-0-1-0"]);
  });

  test("one that is not ready leaves while another one is, and the last one stays", () => {
    const one = "instance web v1 dep_1 0 gated routed unready=3\n";
    expect(Object.keys(weights(`${web}${one}instance web v1 dep_1 1 gated routed`, {}))).toEqual(["v1-1-1-0"]);
    expect(Object.keys(weights(web + one, {}))).toEqual(["v1-0-1-0"]);
    const almost = "instance web v1 dep_1 0 gated routed unready=2\ninstance web v1 dep_1 1 gated routed\n";
    expect(Object.keys(weights(web + almost, {}))).toHaveLength(2);
  });

  test("one that has to go stays until its successor is gated", () => {
    const going = "instance web v1 dep_1 0 gated routed retired=1s@not-alive\n";
    expect(Object.keys(weights(`${web}${going}instance web v1 dep_1 0.1`, {}))).toEqual(["v1-0-1-0"]);
    expect(Object.keys(weights(`${web}${going}instance web v1 dep_1 0.1 gated`, {}))).toEqual(["v1-0-1-1"]);
  });

  test("one that a deployment which ended left in the routes stays while neither side of a rollback has another", () => {
    const left = "instance web v1 dep_0 0 gated routed retired=1s@unwanted\n";
    expect(Object.keys(weights(web + left, { spare: next }))).toEqual(["v1-0-0-0"]);
    expect(Object.keys(weights(`${web}${left}instance web v1 dep_1 0 gated`, { spare: next }))).toEqual(["v1-0-1-0"]);
  });

  test("an ended instance gets nothing", () => {
    expect(weights(`${web}instance web v1 dep_1 0 gated routed exit=1@0s`, {})).toEqual({});
  });

  test("requests for a service under exchange wait while it has no instance, and no longer", () => {
    const world = "service admin http single\nrelease 1\nrelease 2\nserving v1 dep_1\n";
    const exchanged = new Map([["admin", next]]);
    const holdOf = (instances: string) => {
      const s = readWorld(world + instances);
      const service = s.releases[0]?.services[0];
      const route = tableFor(s, { base, next, share: 0, exchanged })?.routes[0];
      return { held: route?.holdMs, limit: service && holdFor(service), to: route?.upstreams.length };
    };
    // drain 1.5 s + stop 2 s + ready within 5 s
    expect(holdOf("instance admin v1 dep_1 0 gated routed")).toEqual({ held: 8_500, limit: 8_500, to: 0 });
    expect(holdOf("instance admin v2 dep_2 0 gated")).toEqual({ held: null, limit: 8_500, to: 1 });
  });

  test("requests for a single service wait while its instance is started again, without a deployment too", () => {
    const world = "service admin http single\nrelease 1\nserving v1 dep_1\n";
    const route = (instances: string) =>
      tableFor(readWorld(world + instances), { base, next: null, share: 0, exchanged: nobody })?.routes[0];
    expect(route("instance admin v1 dep_1 0 gated routed exit=1@0s")).toMatchObject({ holdMs: 5_000, upstreams: [] });
    expect(route("instance admin v1 dep_1 0 gated routed retired=1s@not-alive")).toMatchObject({ holdMs: 5_000 });
    expect(route("instance admin v1 dep_1 0.1 gated")).toMatchObject({ holdMs: null });
  });

  test("nothing routed is no table, and equal worlds have equal versions", () => {
    expect(tableFor(readWorld("service web\nrelease 1"), { base, next: null, share: 0, exchanged: nobody })).toBeNull();
    const version = (world: string) =>
      tableFor(readWorld(world), { base, next: null, share: 0, exchanged: nobody })?.version;
    expect(version(web + old)).toBe(version(web + old.split("\n").reverse().join("\n")));
  });
});
