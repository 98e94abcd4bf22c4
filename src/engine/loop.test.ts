import { expect, test } from "vitest";
import { Fault } from "../base/faults.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import type { EngineDeps } from "./engine.ts";
import { createEngine } from "./loop.ts";

const key = { app: "shop", environment: "production" };
const settle = async () => {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

test("what fails again and again for the same reason is told at first, and then every ten minutes", async () => {
  const clock = new SimulatedClock();
  const said: string[] = [];
  let words = "the disk is away";
  const refuse = async () => {
    throw new Fault("operation.failed", words);
  };
  const none = async () => [];
  const deps = {
    clock,
    journal: {
      environments: { all: none, endedPreviews: none, find: refuse, facts: refuse },
      deployments: { unfinished: refuse },
      commit: refuse,
      committed: () => () => undefined,
    },
    runtime: { keys: async () => [key], observe: refuse, changes: () => () => undefined },
    edge: { changes: () => () => undefined, observe: refuse },
    builder: {},
    logs: { cap: async () => undefined, trouble: () => null },
    log: { warn: (about: object, text: string) => "key" in about && said.push(text), error: () => undefined },
  } as unknown as EngineDeps;
  const engine = createEngine(deps);
  await engine.start();
  await settle();
  for (const until = clock.elapsed + 25 * 60_000; clock.elapsed < until; ) {
    clock.step();
    await settle();
  }
  const told = (text: string) => said.filter((one) => one === text).length;
  expect(told(words)).toBe(3);
  words = "the disk is full";
  for (const until = clock.elapsed + 60_000; clock.elapsed < until; ) {
    clock.step();
    await settle();
  }
  expect([told("the disk is away"), told(words)]).toEqual([3, 1]);
});
