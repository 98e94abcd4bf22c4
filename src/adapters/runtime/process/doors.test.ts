import { expect, test } from "vitest";
import type { GuardedPort } from "../../../host/firewall.ts";
import { SimulatedClock } from "../../../testing/simulation/clock.ts";
import { Doors } from "./doors.ts";

const entryAt = (port: number) => ({
  stored: { port, tcp: [], user: { uid: 71_001, gid: 71_001 } },
  exit: null,
});

test("rules that somebody flushed are back within a minute, as long as there is something to guard", async () => {
  const clock = new SimulatedClock();
  let inForce: readonly GuardedPort[] = [];
  const guard = async (doors: readonly GuardedPort[]) => {
    inForce = doors;
    return null;
  };
  const doors = new Doors({ guard, clock, notify: () => undefined });
  await doors.guard([entryAt(20_001)]);
  await doors.guard([entryAt(20_002)]);
  for (const _flush of [1, 2]) {
    inForce = [];
    const before = clock.elapsed;
    clock.step();
    expect(inForce).toEqual([{ port: 20_002, uid: 71_001 }]);
    expect(clock.elapsed - before).toBeLessThanOrEqual(60_000);
  }
  await doors.guard([]);
  expect(clock.nextAt()).toBeNull();
  await doors.guard([entryAt(20_003)]);
  await doors.close();
  expect(clock.nextAt()).toBeNull();
});
