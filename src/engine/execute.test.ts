import { expect, test } from "vitest";
import type { StepBook } from "../ports/journal/steps.ts";
import type { Change } from "../ports/journal.ts";
import { wellBehaved } from "../testing/simulation/behaviour.ts";
import { SimulatedBuilder } from "../testing/simulation/builder.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import { SimulatedEdge } from "../testing/simulation/edge.ts";
import { SimulatedJournal } from "../testing/simulation/journal.ts";
import { SimulatedRuntime } from "../testing/simulation/runtime.ts";
import { scriptKey } from "../testing/simulation/script.ts";
import { SimulatedVault } from "../testing/simulation/vault.ts";
import { execute } from "./execute.ts";

const who = { service: "web", release: 1, deployment: "dep_1", ordinal: 0, attempt: 1 };
const identity = { kind: "service", key: scriptKey, ...who } as const;
const limits = { memoryBytes: null, cpus: null, readOnly: false };
const about = {
  artifact: "sha256:none",
  command: ["node"],
  env: {},
  port: 8_000,
  neighbours: [],
  volumes: [],
  tcpPorts: [],
};
const start = { do: "start", instance: { name: "web-1", identity, ...about, ...limits }, why: "it crashed" } as const;
const signal = { do: "signal", name: "web-1", signal: "SIGTERM", why: "it leaves" } as const;

/** An executor, and what it wrote and did, in order. */
function executor() {
  const clock = new SimulatedClock();
  const wrote: string[] = [];
  const happened = ({ what, name }: { what: string; name: string }) => wrote.push(`${what} ${name}`);
  const runtime = new SimulatedRuntime({
    clock,
    behaviourOf: () => wellBehaved,
    taskResult: () => ({ takesMs: 1, code: 0 }),
    reportDelay: () => 1,
    happened,
  });
  const sound = new SimulatedJournal();
  const { steps } = sound;
  const journal = Object.assign(Object.create(sound) as SimulatedJournal, {
    steps: {
      ...steps,
      begin: (step: Parameters<StepBook["begin"]>[0]) => {
        wrote.push("begin");
        return steps.begin(step);
      },
    },
    commit: (changes: readonly Change[]) => {
      wrote.push("commit");
      return sound.commit(changes);
    },
  });
  const done = async () => undefined;
  return {
    wrote,
    journal: sound,
    deps: {
      ...{ clock, runtime, journal },
      edge: new SimulatedEdge({ clock, runtime, happened: () => undefined }),
      builder: new SimulatedBuilder(clock, () => ({ takesMs: 1, fails: false })),
      vault: new SimulatedVault(),
      ...{ takeOutput: done, forgetOutput: done, beginOutput: done },
    },
  };
}

test("a step of a deployment is written down before it is done and after", async () => {
  const { deps, wrote, journal } = executor();
  await execute(deps, { key: scriptKey, deployment: "dep_1" }, start);
  expect(wrote).toEqual(["begin", "start web-1", "commit"]);
  expect(await journal.steps.of("dep_1")).toMatchObject([{ what: "start", subject: "web-1", fault: null }]);
});

test("a step that no deployment asked for costs no commit but for what people are told of it", async () => {
  const { deps, wrote, journal } = executor();
  await execute(deps, { key: scriptKey, deployment: null }, start);
  await execute(deps, { key: scriptKey, deployment: null }, signal);
  expect(wrote).toEqual(["start web-1", "commit", "signal web-1"]);
  expect(await journal.events.page({ after: 0, limit: 9 })).toMatchObject([
    { key: scriptKey, kind: "instance.started", deployment: null, subject: "web-1", detail: "it crashed" },
  ]);
});
