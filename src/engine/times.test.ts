import { describe, expect, test } from "vitest";
import { newDeployment } from "../model/deployment.ts";
import { emptySnapshot, type Snapshot } from "../plan/plan.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import { Times } from "./times.ts";

const key = { app: "shop", environment: "production" };
const dayMs = 86_400_000;

/** A world in which one instance was started and gated then. */
function worldOf(startedAt: number, gatedAt: number): Snapshot {
  const name = "web-1";
  const who = { service: "web", release: 1, deployment: "dep_1", ordinal: 0, attempt: 0 };
  const identity = { kind: "service", key, ...who } as const;
  const instance = {
    name,
    identity,
    startedAt,
    address: null,
    privatePorts: [],
    stopSignalAt: null,
    killedAt: null,
    exit: null,
  };
  const facts = [{ name, gatedAt, retiredAt: null, retiredBecause: null }];
  return { ...emptySnapshot(key, 0), instances: [instance], facts };
}

/** How long ago the instance was started and gated. */
function agesOf({ now, instances, facts }: Snapshot): readonly number[] {
  return [now - (instances[0]?.startedAt ?? 0), now - (facts[0]?.gatedAt ?? 0)];
}

describe.each([dayMs, -dayMs, 3_000, -3_000])("a clock that is set by %d ms", (jump) => {
  test("changes nothing about how long ago something was", () => {
    const clock = new SimulatedClock();
    const times = new Times(clock);
    const startedAt = clock.now();
    clock.passTo(1_000);
    const gatedAt = clock.now();
    expect(agesOf(times.corrected(worldOf(startedAt, gatedAt)))).toEqual([1_000, 0]);
    clock.passTo(1_500);
    clock.jump(jump);
    clock.passTo(2_000);
    expect(agesOf(times.corrected(worldOf(startedAt, gatedAt)))).toEqual([2_000, 1_000]);
    clock.passTo(5_000);
    expect(agesOf(times.corrected(worldOf(startedAt, gatedAt)))).toEqual([5_000, 4_000]);
  });

  test("nor when what was given out is written down again", () => {
    const clock = new SimulatedClock();
    const times = new Times(clock);
    const startedAt = clock.now();
    times.corrected(worldOf(startedAt, startedAt));
    clock.jump(jump);
    const given = times.corrected(worldOf(startedAt, startedAt)).facts[0]?.gatedAt ?? 0;
    clock.passTo(700);
    expect(agesOf(times.corrected(worldOf(startedAt, given)))).toEqual([700, 700]);
    clock.jump(-jump);
    clock.passTo(900);
    expect(agesOf(times.corrected(worldOf(startedAt, given)))).toEqual([900, 900]);
  });
});

test("what was written between the last look and a jump ahead is as old as it is", () => {
  const clock = new SimulatedClock();
  const times = new Times(clock);
  times.corrected(emptySnapshot(key, 0));
  clock.passTo(100);
  const startedAt = clock.now();
  clock.jump(dayMs);
  clock.passTo(400);
  expect(agesOf(times.corrected(worldOf(startedAt, clock.now())))).toEqual([300, 0]);
});

test("what a controller before wrote in the future counts from when it is first seen", () => {
  const clock = new SimulatedClock();
  const future = clock.now() + dayMs;
  const times = new Times(clock);
  expect(agesOf(times.corrected(worldOf(future, future)))).toEqual([0, 0]);
  clock.passTo(60_000);
  expect(agesOf(times.corrected(worldOf(future, future)))).toEqual([60_000, 60_000]);
});

test("what is only unseen for a while is not forgotten", () => {
  const clock = new SimulatedClock();
  const times = new Times(clock);
  const startedAt = clock.now();
  times.corrected(worldOf(startedAt, startedAt));
  clock.jump(-dayMs);
  times.corrected(emptySnapshot(key, 0), false);
  clock.passTo(1_000);
  expect(agesOf(times.corrected(worldOf(startedAt, startedAt)))).toEqual([1_000, 1_000]);
});

test("what could not be seen when the clock was set ahead is as old as it is", () => {
  const clock = new SimulatedClock();
  const times = new Times(clock);
  const startedAt = clock.now();
  times.corrected(emptySnapshot(key, 0), false);
  clock.jump(dayMs);
  times.corrected(emptySnapshot(key, 0), false);
  clock.passTo(1_000);
  expect(agesOf(times.corrected(worldOf(startedAt, startedAt)))).toEqual([1_000, 1_000]);
  clock.passTo(1_500);
  expect(agesOf(times.corrected(worldOf(startedAt, startedAt)))).toEqual([1_500, 1_500]);
});

test("one that could not be inspected when the clock was set ahead is as old as it is", () => {
  const clock = new SimulatedClock();
  const times = new Times(clock);
  const startedAt = clock.now();
  const seen = worldOf(startedAt, startedAt);
  times.corrected(seen);
  clock.jump(dayMs);
  const blind = { name: "web-1", identity: seen.instances[0]?.identity ?? null, why: "stuck" };
  times.corrected({ ...seen, instances: [], unreadable: [blind] } as Snapshot);
  clock.passTo(1_000);
  expect(agesOf(times.corrected(seen))).toEqual([1_000, 1_000]);
});

test("what was written before a jump ahead is as old as it is, also when nothing was looked at before it", () => {
  const clock = new SimulatedClock();
  const times = new Times(clock);
  const startedAt = clock.now();
  clock.jump(dayMs);
  clock.passTo(400);
  expect(agesOf(times.corrected(worldOf(startedAt, startedAt)))).toEqual([400, 400]);
});

describe.each([dayMs, -dayMs, 3_000, -3_000])("what the journal says from before a clock is set by %d ms", (jump) => {
  /** The same, with a deployment, and the instance told to go, at those times. */
  const goingSince = (at: number): Snapshot => {
    const world = worldOf(at, at);
    const about = { id: "dep_1", key, kind: "deploy", release: 1, services: null, previous: null } as const;
    const queued = newDeployment({ ...about, createdAt: at, createdBy: "ada" });
    const facts = world.facts.map((one) => ({ ...one, retiredAt: at, retiredBecause: "unwanted" as const }));
    return { ...world, facts, deployments: [{ ...queued, canary: { step: 0, at } }] };
  };

  test("is named until it is written down anew", () => {
    const clock = new SimulatedClock();
    const times = new Times(clock);
    const written = goingSince(clock.now());
    expect(times.corrected(written).misdated).toEqual([]);
    clock.jump(jump);
    times.corrected(written);
    clock.passTo(1_000);
    const given = times.corrected(written);
    expect(given.misdated).toEqual(["dep_1", "web-1"]);
    clock.passTo(2_000);
    expect(times.corrected({ ...written, deployments: given.deployments, facts: given.facts }).misdated).toEqual([]);
  });

  test("is as old as it is to the controller after that, too", () => {
    const clock = new SimulatedClock();
    const times = new Times(clock);
    const written = goingSince(clock.now());
    times.corrected(written);
    clock.jump(jump);
    const { deployments, facts } = times.corrected(written);
    clock.passTo(5_000);
    const next = new Times(clock).corrected({ ...written, deployments, facts });
    expect(next.now - (next.deployments[0]?.history[0]?.at ?? 0)).toBe(5_000);
    expect(next.now - (next.facts[0]?.retiredAt ?? 0)).toBe(5_000);
  });
});

test("a time in the future that a controller before wrote is named too", () => {
  const clock = new SimulatedClock();
  const { facts, ...world } = worldOf(clock.now(), clock.now());
  const retiring = facts.map((one) => ({ ...one, retiredAt: clock.now() + dayMs }));
  expect(new Times(clock).corrected({ ...world, facts: retiring }).misdated).toEqual(["web-1"]);
});
