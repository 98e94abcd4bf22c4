import { expect, test } from "vitest";
import type { EnvKey } from "../../../model/environment.ts";
import type { Journal } from "../../../ports/journal.ts";
import { anEvent } from "./samples.ts";

const key: EnvKey = { app: "shop", environment: "production" };
const other: EnvKey = { app: "shop", environment: "pr-1" };

/** Events: in the order of their ids, for readers that go on where they stopped. */
export function eventCases(now: () => Journal): void {
  test("events rise and are read on from where a reader stopped, by key and by deployment", async () => {
    await now().commit([anEvent(1, { deployment: "d1" }), anEvent(2, { key: other, deployment: "d2" })]);
    await now().commit([anEvent(3, { deployment: "d1", subject: "web", kind: "instance.gated" }), anEvent(4)]);
    const times = async (filter: Parameters<Journal["events"]["page"]>[0]) =>
      (await now().events.page(filter)).map((event) => event.at);
    const all = await now().events.page({ after: 0, limit: 10 });
    expect(all.map((event) => event.at)).toEqual([1, 2, 3, 4]);
    expect(all.map((event) => event.id)).toEqual([...all.map((event) => event.id)].sort((a, b) => a - b));
    expect(new Set(all.map((event) => event.id)).size).toBe(4);
    const { id: _, ...third } = all[2] ?? { id: 0 };
    expect({ kind: "event", event: third }).toEqual(
      anEvent(3, { deployment: "d1", subject: "web", kind: "instance.gated" }),
    );
    expect(await times({ key, after: 0, limit: 10 })).toEqual([1, 3, 4]);
    expect(await times({ key, after: all[0]?.id ?? 0, limit: 1 })).toEqual([3]);
    expect(await times({ deployment: "d1", after: 0, limit: 10 })).toEqual([1, 3]);
    expect(await times({ key: other, deployment: "d1", after: 0, limit: 10 })).toEqual([]);
    expect(await times({ after: await now().events.lastId(), limit: 10 })).toEqual([]);
    expect(await now().events.lastId()).toBe(all[3]?.id);
  });
}
