import { expect, test } from "vitest";
import type { Runtime } from "../../ports/runtime.ts";
import { readWorld } from "../../testing/simulation/case.ts";
import { SimulatedClock } from "../../testing/simulation/clock.ts";
import { WrittenSensor } from "./written.ts";

test("looks ever more rarely at what serving instances write, and at no others", async () => {
  const clock = new SimulatedClock();
  const looks: [string, number][] = [];
  const written = async (name: string) => {
    looks.push([name, clock.elapsed]);
    return looks.length > 1 ? ["app.db"] : [];
  };
  const failed = (_key: unknown, thrown: unknown) => {
    throw thrown;
  };
  const sensor = new WrittenSensor({
    clock,
    failed,
    changed: () => undefined,
    runtime: { written } as unknown as Runtime,
  });
  const s = readWorld("service web http\nrelease 1\ninstance web v1 dep_1 0 gated\ninstance web v1 dep_1 1");
  const name = s.instances[0]?.name ?? "";
  const runTo = async (ms: number) => {
    for (; (clock.nextAt() ?? ms + 1) <= ms; await new Promise(setImmediate)) clock.step();
  };
  sensor.watch(s);
  await runTo(1_000);
  expect(sensor.read(s.key)).toEqual({ [name]: [] });
  await runTo(3_000);
  sensor.watch(s);
  expect(sensor.read(s.key)).toEqual({ [name]: ["app.db"] });
  await runTo(3_600_000);
  expect(looks.slice(0, 4)).toEqual([1_000, 3_000, 7_000, 15_000].map((at) => [name, at]));
  expect(looks.length).toBeLessThan(20);
  sensor.watch({ ...s, instances: [] });
  expect([sensor.read(s.key), clock.nextAt()]).toEqual([{}, null]);
});
