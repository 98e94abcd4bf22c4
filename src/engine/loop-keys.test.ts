import { expect, test } from "vitest";
import { Fault } from "../base/faults.ts";
import { destroyed, type EnvKey } from "../model/environment.ts";
import { nowhere, type RouteTable } from "../model/route.ts";
import { plan } from "../plan/decide.ts";
import type { Edge } from "../ports/edge.ts";
import type { Prober } from "../ports/prober.ts";
import { wallClock } from "../testing/clock.ts";
import { FakeBuilder, FakeRuntime } from "../testing/fakes.ts";
import { SimulatedJournal } from "../testing/simulation/journal.ts";
import { SimulatedLogs } from "../testing/simulation/logs.ts";
import { SimulatedVault } from "../testing/simulation/vault.ts";
import type { EngineDeps } from "./engine.ts";
import { createEngine } from "./loop.ts";

function engineDeps(ports: Pick<EngineDeps, "edge" | "journal" | "log"> & Partial<EngineDeps>): EngineDeps {
  const fakes = { runtime: new FakeRuntime(), builder: new FakeBuilder(), vault: new SimulatedVault() };
  return { ...fakes, prober: {} as Prober, logs: new SimulatedLogs(), clock: wallClock, plan, ...ports };
}

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
  const engine = createEngine(engineDeps({ edge, journal, log }));
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

test("an environment that was being destroyed is forgotten after a restart, also if its lines can only be deleted later", async () => {
  const journal = new SimulatedJournal();
  const key = { app: "shop", environment: "staging" };
  const at = { key, at: 1, deployment: null, subject: null, detail: "" };
  await journal.commit([
    { kind: "preview", key, preview: { ...destroyed, endedAt: Date.now() } },
    { kind: "stopped", key, stopped: true },
    { kind: "event", event: { ...at, kind: "environment.destroyed" } },
  ]);
  const edge = {
    observe: async () => ({ up: true, table: null, traffic: {}, inside: nowhere }),
    changes: () => () => undefined,
    ensure: async () => undefined,
    owners: async () => [],
  } as unknown as Edge;
  const warnings: string[] = [];
  const caps: (readonly EnvKey[] | undefined)[] = [];
  class FullLogs extends SimulatedLogs {
    override async cap(_bytes?: number, keys?: readonly EnvKey[]): Promise<void> {
      caps.push(keys);
      if (caps.length === 1) throw new Fault("operation.failed", "no space is left on the disk");
    }
  }
  const log = { warn: (_about: object, words: string) => void warnings.push(words), error: () => undefined };
  const engine = createEngine(engineDeps({ edge, journal, log, logs: new FullLogs() }));
  await engine.start();
  await expect.poll(() => journal.environments.find(key)).toBeNull();
  await engine.stop();
  expect(caps).toEqual([[key], [key]]);
  expect(await journal.events.page({ key, after: 0, limit: 9 })).toEqual([]);
  expect(warnings.join()).toContain("no space is left");
});
