import { expect } from "vitest";
import { routeTable } from "../../model/route.ts";
import { ask, dial, type EdgeCase, oneRoute, sayingApp, seen, testApp, textUntil } from "./edge-rig.ts";

export const changeCases: readonly EdgeCase[] = [
  [
    "a change under load loses no request and turns once from old to new",
    async ({ edge, url }) => {
      await using first = await sayingApp("first");
      await using second = await sayingApp("second");
      await edge.apply(oneRoute("swap/x", { hosts: ["swap.test"], upstreams: [first.upstream("swap-1")] }));
      let stop = false;
      const sequences = Array.from({ length: 8 }, async () => {
        const said: string[] = [];
        while (!stop) said.push((await ask(url, { host: "swap.test" })).text);
        return said;
      });
      await seen(
        () => edge.observe("swap/x"),
        ({ stats }) => (stats["swap-1"]?.requests ?? 0) > 100,
      );
      await edge.apply(oneRoute("swap/x", { hosts: ["swap.test"], upstreams: [second.upstream("swap-2")] }));
      expect((await ask(url, { host: "swap.test" })).text).toBe("second");
      await seen(
        () => edge.observe("swap/x"),
        ({ stats }) => (stats["swap-2"]?.requests ?? 0) > 100,
      );
      stop = true;
      for (const said of await Promise.all(sequences)) {
        expect(new Set(said)).toEqual(new Set(["first", "second"]));
        expect(said.lastIndexOf("first")).toBeLessThan(said.indexOf("second"));
      }
    },
  ],
  [
    "a table that is invalid or wants another owner's host is refused as a whole and the old one serves on",
    async ({ edge, url }) => {
      await using app = await sayingApp("old");
      const good = oneRoute("refuse/x", { hosts: ["refuse.test"], upstreams: [app.upstream("refuse-1")] });
      await edge.apply(good);
      await edge.apply(oneRoute("refuse/y", { hosts: ["taken.test"], upstreams: [] }));
      const route = { hosts: ["refuse.test"], upstreams: [app.upstream("refuse-2")] };
      const bad = [
        oneRoute("refuse/x", { ...route, hosts: ["not a host"] }),
        oneRoute("refuse/x", { ...route, hosts: ["refuse.test:80"] }),
        oneRoute("refuse/x", { ...route, hosts: ["a.*.test"] }),
        oneRoute("refuse/x", { ...route, hosts: [] }),
        oneRoute("refuse/x", { ...route, hosts: ["refuse.test", "REFUSE.test"] }),
        oneRoute("refuse/x", { ...route, upstreams: [app.upstream("a", { port: 0 })] }),
        oneRoute("refuse/x", { ...route, upstreams: [app.upstream("a", { weight: 0 })] }),
        oneRoute("refuse/x", { ...route, upstreams: [app.upstream("a"), app.upstream("a")] }),
        oneRoute("refuse/x", { ...route, upstreams: [app.upstream("a", { host: "a b\r\n" })] }),
        oneRoute("refuse/x", { ...route, timeoutMs: 0 }),
        oneRoute("refuse/x", { ...route, holdMs: -1 }),
        oneRoute("refuse/x", { ...route, limits: { bodyBytes: -1, rate: null } }),
      ];
      for (const table of bad) await expect(edge.apply(table)).rejects.toMatchObject({ code: "route.invalid" });
      const greedy = oneRoute("refuse/x", { ...route, hosts: ["refuse.test", "new.test", "taken.test"] });
      await expect(edge.apply(greedy)).rejects.toMatchObject({ code: "route.host-taken" });
      expect((await ask(url, { host: "refuse.test" })).text).toBe("old");
      expect((await ask(url, { host: "new.test" })).status).toBe(404);
      expect((await edge.observe("refuse/x")).table).toEqual(good);
    },
  ],
  [
    "a host moves to another owner once the first let go of it",
    async ({ edge, url }) => {
      await using app = await sayingApp("first");
      await using other = await sayingApp("second");
      await edge.apply(oneRoute("move/x", { hosts: ["move.test"], upstreams: [app.upstream("move-1")] }));
      const wanted = oneRoute("move/y", { hosts: ["move.test"], upstreams: [other.upstream("move-2")] });
      await expect(edge.apply(wanted)).rejects.toMatchObject({ code: "route.host-taken" });
      await edge.apply(routeTable("move/x", []));
      await edge.apply(wanted);
      expect((await ask(url, { host: "move.test" })).text).toBe("second");
    },
  ],
  [
    "requests under way finish where they are after their upstream left the table",
    async ({ edge, url }) => {
      const held: (() => void)[] = [];
      await using slow = await testApp((_req, res) => void held.push(() => res.end("slow")));
      await using next = await sayingApp("next");
      await edge.apply(oneRoute("drain/x", { hosts: ["drain.test"], upstreams: [slow.upstream("drain-1")] }));
      const under = Promise.all([ask(url, { host: "drain.test" }), ask(url, { host: "drain.test" })]);
      await seen(
        () => held.length,
        (count) => count === 2,
      );
      await edge.apply(oneRoute("drain/x", { hosts: ["drain.test"], upstreams: [next.upstream("drain-2")] }));
      expect((await edge.observe("drain/x")).stats["drain-1"]?.active).toBe(2);
      expect((await ask(url, { host: "drain.test" })).text).toBe("next");
      for (const release of held) release();
      expect((await under).map((answer) => answer.text)).toEqual(["slow", "slow"]);
      await seen(
        () => edge.observe("drain/x"),
        ({ stats }) => stats["drain-1"] === undefined,
      );
    },
  ],
  [
    "weights are kept within 2 % and every upstream is used",
    async ({ edge, url }) => {
      await using app = await testApp((_req, res) => res.end());
      const upstreams = [
        app.upstream("weight-1", { weight: 0.9 }),
        app.upstream("weight-2", { weight: 0.075 }),
        app.upstream("weight-3", { weight: 0.025 }),
      ];
      await edge.apply(oneRoute("weights/x", { hosts: ["weights.test"], upstreams }));
      const client = async () => {
        for (let i = 0; i < 50; i += 1) await ask(url, { host: "weights.test" });
      };
      await Promise.all(Array.from({ length: 20 }, client));
      const { stats } = await edge.observe("weights/x");
      expect(Math.abs((stats["weight-1"]?.requests ?? 0) - 900)).toBeLessThanOrEqual(20);
      expect(Math.abs((stats["weight-2"]?.requests ?? 0) - 75)).toBeLessThanOrEqual(20);
      expect(Math.abs((stats["weight-3"]?.requests ?? 0) - 25)).toBeLessThanOrEqual(20);
    },
  ],
  [
    "a held route keeps its requests waiting and a table without hold lets them go on",
    async ({ edge, url }) => {
      await using app = await testApp((req, res) => void req.pipe(res));
      const route = { hosts: ["hold.test"], upstreams: [] };
      await edge.apply(oneRoute("hold/x", { ...route, holdMs: 20_000 }));
      let answered = 0;
      const waiting = Array.from({ length: 5 }, async (_none, index) => {
        const answer = await ask(url, { host: "hold.test", method: "POST", body: `body ${index}` });
        answered += 1;
        return answer.text;
      });
      const away = await dial(url);
      away.write("GET / HTTP/1.1\r\nHost: hold.test\r\n\r\n");
      // A second held table is a change that must not let anybody through.
      await edge.apply(oneRoute("hold/x", { ...route, holdMs: 20_001 }));
      away.destroy();
      expect(answered).toBe(0);
      await edge.apply(oneRoute("hold/x", { ...route, upstreams: [app.upstream("hold-1")] }));
      expect(await Promise.all(waiting)).toEqual([0, 1, 2, 3, 4].map((index) => `body ${index}`));
    },
  ],
  [
    "a request that waits alone goes on waiting when the hold goes on, and harms nobody",
    async ({ edge, url }) => {
      await using app = await sayingApp("served");
      const route = { hosts: ["alone.test"], upstreams: [] };
      await edge.apply(oneRoute("alone/x", { ...route, holdMs: 20_000 }));
      const waiting = ask(url, { host: "alone.test" });
      // It came first, so it waits when this one is answered.
      expect((await ask(url, { host: "unknown.test" })).status).toBe(404);
      await edge.apply(oneRoute("alone/x", { ...route, holdMs: 20_001 }));
      expect((await ask(url, { host: "unknown.test" })).status).toBe(404);
      await edge.apply(oneRoute("alone/x", { ...route, upstreams: [app.upstream("alone-1")] }));
      expect((await waiting).text).toBe("served");
    },
  ],
  [
    "a hold may end with more upstreams than there ever were: who waits goes on, as do connections that are kept",
    async ({ edge, url }) => {
      await using first = await sayingApp("first");
      await using second = await testApp((req, res) => void req.pipe(res.writeHead(200, { "x-app": "second" })));
      const hosts = ["grow.test"];
      await edge.apply(oneRoute("grow/x", { hosts, upstreams: [first.upstream("grow-1")] }));
      const kept = await dial(url);
      const again = (more: string) => kept.write(`GET / HTTP/1.1\r\nHost: grow.test\r\n${more}\r\n`);
      again("");
      await textUntil(kept, /first$/);
      await edge.apply(oneRoute("grow/x", { hosts, upstreams: [], holdMs: 20_000 }));
      const post = (index: number) => ask(url, { host: "grow.test", method: "POST", body: `body ${index}` });
      const waiting = Promise.all([0, 1, 2, 3, 4].map(post));
      await edge.apply(oneRoute("grow/x", { hosts, upstreams: [], holdMs: 20_001 }));
      const upstreams = Array.from({ length: 20 }, (_none, index) => second.upstream(`grow-2-${index}`));
      await edge.apply(oneRoute("grow/x", { hosts, upstreams }));
      expect((await waiting).map(({ text }) => text)).toEqual([0, 1, 2, 3, 4].map((index) => `body ${index}`));
      again("Connection: close\r\n");
      expect(await textUntil(kept, /\r\n\r\n/)).toMatch(/^HTTP\/1\.1 200 [\s\S]*x-app: second/i);
      kept.destroy();
    },
  ],
  [
    "after the hold's limit, and with nobody to answer, it is 503 with Retry-After",
    async ({ edge, url }) => {
      await edge.apply(oneRoute("nobody/x", { hosts: ["nobody-held.test"], upstreams: [], holdMs: 300 }));
      const started = performance.now();
      const held = await ask(url, { host: "nobody-held.test" });
      expect(performance.now() - started).toBeGreaterThan(290);
      await edge.apply(oneRoute("nobody/x", { hosts: ["nobody-held.test"], upstreams: [] }));
      const empty = await ask(url, { host: "nobody-held.test" });
      for (const answer of [held, empty]) {
        expect(answer.status).toBe(503);
        expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
      }
    },
  ],
  [
    "an equal table again is harmless, and counts live on over a change that keeps the upstream",
    async ({ edge, url }) => {
      await using app = await sayingApp("same");
      const table = oneRoute("again/x", { hosts: ["again.test"], upstreams: [app.upstream("again-1")] });
      await edge.apply(table);
      for (let i = 0; i < 3; i += 1) await ask(url, { host: "again.test" });
      await edge.apply(table);
      await edge.apply(
        oneRoute("again/x", { hosts: ["again.test"], upstreams: [app.upstream("again-1", { weight: 5 })] }),
      );
      await ask(url, { host: "again.test" });
      const { stats } = await edge.observe("again/x");
      expect(stats["again-1"]).toMatchObject({ requests: 4, failures: 0 });
      expect(stats["again-1"]?.p95Ms).toBeGreaterThan(0);
    },
  ],
  [
    "after a kill -9 it starts from the last good tables at the same address, and says that it was away",
    async ({ edge, url, crash }) => {
      await using app = await sayingApp("still here");
      const table = oneRoute("crash/x", { hosts: ["crash.test"], upstreams: [app.upstream("crash-1")] });
      await edge.apply(table);
      let changes = 0;
      const stop = edge.changes(() => {
        changes += 1;
      });
      const before = edge.address();
      // The connection for changes is there when one for records, asked for after it, has brought something.
      let records = 0;
      const stopRecords = edge.records((batch) => {
        records += batch.length;
      });
      await seen(
        () => ask(url, { host: "crash.test" }),
        () => records > 0,
      );
      stopRecords();
      await crash();
      expect(await edge.observe("crash/x")).toEqual({ up: false, table: null, stats: {} });
      await Promise.all([edge.ensure(), edge.ensure()]);
      expect(edge.address()).toEqual(before);
      expect((await ask(url, { host: "crash.test" })).text).toBe("still here");
      expect((await edge.observe("crash/x")).table).toEqual(table);
      await seen(
        () => changes,
        (count) => count === 2,
      );
      stop();
    },
  ],
];
