import { expect, test } from "vitest";
import { noFrontProxies, routeTable, type Upstream } from "../../../model/route.ts";
import { oneRoute } from "../../../testing/conformance/edge-rig.ts";
import { capacityOf } from "../table/capacity.ts";
import { type ConfigOptions, configText, shapeOf } from "./config.ts";
import { haproxyFiles } from "./files.ts";
import { emptyLayout, relaid, type SlotLayout } from "./layout.ts";
import { routeMap, serialKey } from "./route-map.ts";

const options: ConfigOptions = {
  files: haproxyFiles("/edge"),
  listen: { host: "::", port: 80 },
  doors: [],
  secure: null,
  proxies: noFrontProxies,
  threads: 2,
  capacity: capacityOf(1_000),
  user: null,
  version: [3, 2],
};

const up = (id: string, more: Partial<Upstream> = {}): Upstream => {
  return { id, release: 1, host: "10.0.0.1", port: 8000, weight: 1, ...more };
};

function laid(layout: SlotLayout, owner: string, upstreams: readonly Upstream[]): SlotLayout {
  const table = oneRoute(owner, { hosts: [`${owner.replace("/", ".")}.test`], upstreams });
  return relaid(layout, { owner, table, ipOf: String });
}

const small: SlotLayout = { ...emptyLayout, classes: [{ slots: 2, pools: 2 }] };

test("upstreams are slots of a pool of their own, the others stay empty and disabled", () => {
  const layout = laid(small, "a/x", [up("a-1"), up("a-2", { host: "fd00::2", weight: 0.25 })]);
  const text = configText({ ...options, version: [2, 6] }, layout);
  expect(text.slice(text.indexOf("backend pool2-1"))).toBe(`backend pool2-1 from pool
  server s1 10.0.0.1:8000 weight 256
  server s2 [fd00::2]:8000 weight 64

backend pool2-2 from pool
  server s1 127.0.0.1:9 weight 1 disabled
  server s2 127.0.0.1:9 weight 1 disabled
`);
});

test("from HAProxy 3.0 on a pool has a twin with the same slots, where bodies are counted", () => {
  const layout = laid(small, "a/x", [up("a-1")]);
  const slots = (pool: string) =>
    configText(options, layout)
      .split("\n\n")
      .find((part) => part.startsWith(`backend ${pool} `))
      ?.match(/^ {2}server .*$/gm);
  expect(slots("pool2-1-counted")).toEqual(slots("pool2-1"));
  expect(slots("pool2-1")?.[0]).toContain("10.0.0.1:8000");
});

test("other upstreams get a fresh pool, the same ones keep theirs, and neither is a change of shape", () => {
  const first = laid(small, "a/x", [up("a-1")]);
  const same = laid(first, "a/x", [up("a-1", { weight: 7 })]);
  expect(same.leases).toEqual(first.leases);
  const second = laid(first, "a/x", [up("a-2")]);
  expect(second.leases.map(({ pool, routed }) => [pool, routed])).toEqual([
    ["pool2-1", false],
    ["pool2-2", true],
  ]);
  expect(shapeOf(configText(options, second))).toBe(shapeOf(configText(options, small)));
});

test("where no pool is free there are twice as many, and a service of many upstreams gets pools of its size", () => {
  let layout = small;
  for (const owner of ["a/x", "b/x", "c/x"]) layout = laid(layout, owner, [up(`${owner}-1`)]);
  expect(layout.classes).toEqual([{ slots: 2, pools: 4 }]);
  const many = Array.from({ length: 17 }, (_none, index) => up(`m-${index}`));
  layout = laid(layout, "m/x", many);
  expect(layout.classes).toEqual([
    { slots: 2, pools: 4 },
    { slots: 64, pools: 4 },
  ]);
  expect(shapeOf(configText(options, layout))).not.toBe(shapeOf(configText(options, small)));
});

test("the map has a line a host, and nothing that a manifest says in words", () => {
  const table = oneRoute("a/x", { hosts: ["a.test", "*.a.test"], upstreams: [up("a-1")], service: "we|rd\nname" });
  const layout = relaid(small, { owner: "a/x", table, ipOf: String });
  const entries = routeMap([table], layout);
  expect(entries.map(({ key }) => key)).toEqual([serialKey, "a.test", "*.a.test"]);
  expect(entries[1]?.value).toMatch(/^1\|1\|pool2-1\|60000\|1048576\|0\|[a-z]+\|none\|0\|0\|[0-9a-f]{16}\|none\|0$/);
  const held = routeTable("a/x", [{ ...table.routes[0], holdMs: 700, upstreams: [] } as (typeof table.routes)[number]]);
  const nobody = routeMap([held], relaid(layout, { owner: "a/x", table: held, ipOf: String }));
  expect(nobody[1]?.value).toMatch(/^0\|0\|none\|60000\|1048576\|700\|/);
});
