import { expect, test } from "vitest";
import { nowhere, type RouteTable } from "../model/route.ts";
import { plan } from "../plan/decide.ts";
import type { Edge } from "../ports/edge.ts";
import type { Prober } from "../ports/prober.ts";
import { wallClock } from "../testing/clock.ts";
import { FakeBuilder, FakeRuntime } from "../testing/fakes.ts";
import { SimulatedJournal } from "../testing/simulation/journal.ts";
import { SimulatedLogs } from "../testing/simulation/logs.ts";
import { SimulatedVault } from "../testing/simulation/vault.ts";
import { createEngine } from "./loop.ts";

test("environments that are gone are looked at no more, however many there were", async () => {
  const journal = new SimulatedJournal();
  const looks: string[] = [];
  let changed = (): void => undefined;
  const edge = {
    observe: async (owner: string) => {
      looks.push(owner);
      return { up: true, table: null as RouteTable | null, traffic: {}, inside: nowhere };
    },
    changes: (listener: () => void) => {
      changed = listener;
      return () => undefined;
    },
    ensure: async () => undefined,
    owners: async () => [],
  } as unknown as Edge;
  const log = { warn: (_about: object, words: string) => expect.fail(words), error: () => undefined };
  const ports = {
    runtime: new FakeRuntime(),
    builder: new FakeBuilder(),
    vault: new SimulatedVault(),
    edge,
    journal,
  };
  const engine = createEngine({
    ...ports,
    prober: {} as Prober,
    logs: new SimulatedLogs(),
    clock: wallClock,
    log,
    plan,
  });
  await engine.start();
  const stays = { app: "shop", environment: "production" };
  const preview = { from: "staging", ttlMs: 1, endsAt: 1, endedAt: 1 };
  await engine.exclusively(stays, () => journal.commit([{ kind: "stopped", key: stays, stopped: true }]));
  for (let n = 0; n < 50; n += 1) {
    const gone = { app: "shop", environment: `pr-${n}` };
    await engine.exclusively(gone, () =>
      journal.commit([
        { kind: "stopped", key: gone, stopped: true },
        { kind: "preview", key: gone, preview },
      ]),
    );
    await engine.exclusively({ app: "shop", environment: `typo-${n}` }, async () => undefined);
  }
  await expect.poll(() => new Set(looks).size).toBe(101);
  await new Promise((resolve) => setImmediate(resolve));
  looks.splice(0);
  changed();
  await expect.poll(() => looks.length).toBeGreaterThan(0);
  await engine.stop();
  expect(new Set(looks)).toEqual(new Set(["shop/production"]));
});
