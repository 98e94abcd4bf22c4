import { setImmediate as settle } from "node:timers/promises";
import { expect, test } from "vitest";
import { routeTable } from "../model/route.ts";
import { plan } from "../plan/decide.ts";
import { wellBehaved } from "../testing/simulation/behaviour.ts";
import { SimulatedBuilder } from "../testing/simulation/builder.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import { SimulatedEdge } from "../testing/simulation/edge.ts";
import { SimulatedJournal } from "../testing/simulation/journal.ts";
import { SimulatedLogs } from "../testing/simulation/logs.ts";
import { SimulatedProber } from "../testing/simulation/prober.ts";
import { SimulatedRuntime } from "../testing/simulation/runtime.ts";
import { scriptKey } from "../testing/simulation/script.ts";
import { SimulatedVault } from "../testing/simulation/vault.ts";
import { createEngine } from "./loop.ts";

test("what runs and is routed of an environment that the journal has nothing of is told and left alone", async () => {
  const clock = new SimulatedClock();
  const happened: string[] = [];
  const said: string[] = [];
  const runtime = new SimulatedRuntime({
    clock,
    behaviourOf: () => wellBehaved,
    taskResult: () => ({ takesMs: 1, code: 0 }),
    reportDelay: () => 1,
    happened: ({ what, name }) => happened.push(`${what} ${name}`),
  });
  const edge = new SimulatedEdge({ clock, runtime, happened: ({ what }) => happened.push(`edge ${what}`) });
  const who = { service: "web", release: 1, deployment: "dep_1", ordinal: 0, attempt: 0 };
  const identity = { kind: "service", key: scriptKey, ...who } as const;
  const about = {
    artifact: "sha256:none",
    command: ["node"],
    env: {},
    port: 8_000,
    neighbours: [],
    volumes: [],
    tcpPorts: [],
  };
  const limits = { memoryBytes: null, cpus: null, readOnly: false };
  await edge.ensure();
  await runtime.start({ name: "web-1", identity, ...about, ...limits });
  await edge.apply(routeTable("shop/production", []));
  happened.length = 0;
  const journal = new SimulatedJournal();
  const engine = createEngine({
    clock,
    runtime,
    edge,
    journal,
    builder: new SimulatedBuilder(clock, () => ({ takesMs: 1, fails: false })),
    prober: new SimulatedProber(clock, runtime),
    vault: new SimulatedVault(),
    logs: new SimulatedLogs(),
    log: { warn: (_about, words) => said.push(words), error: (_about, words) => said.push(words) },
    plan,
  });
  await engine.start();
  clock.after(600_000, () => undefined);
  for (; clock.elapsed < 600_000; await settle()) clock.step();
  await engine.stop();
  expect(happened).toEqual([]);
  expect(await edge.owners()).toEqual(["shop/production"]);
  expect(await journal.environments.all()).toEqual([]);
  expect(said).toEqual(["the journal does not know shop/production; what runs there and its routes is left alone"]);
});
