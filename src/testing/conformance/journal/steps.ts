import { expect, test } from "vitest";
import type { EnvKey } from "../../../model/environment.ts";
import type { Change, Journal } from "../../../ports/journal.ts";
import { anEvent, aRelease, codeOf, facts } from "./samples.ts";

const key: EnvKey = { app: "shop", environment: "production" };

/** Steps: recorded before and after, with what follows from them. */
export function stepCases(now: () => Journal): void {
  const step = { key, deployment: "dep_1", what: '{"kind":"start"}', subject: "web-0", why: "missing", begunAt: 5 };
  const endOf = (id: number) => ({ kind: "step.ended", id, at: 8, fault: null }) as const;

  test("a step is there before it is done, and afterwards with how it went and what follows", async () => {
    const first = await now().steps.begin(step);
    const second = await now().steps.begin({ ...step, begunAt: 6 });
    expect(second).toBeGreaterThan(first);
    const fault = { code: "runtime.start-failed", detail: "no such program", hint: "check it" } as const;
    await now().commit([{ ...endOf(first), fault }, { kind: "facts", key, facts: facts("x") }, anEvent(8)]);
    await now().commit([{ ...endOf(second), at: 9 }]);
    expect(await now().steps.of("dep_1")).toEqual([
      { ...step, id: first, endedAt: 8, fault },
      { ...step, begunAt: 6, id: second, endedAt: 9, fault: null },
    ]);
    expect(await now().environments.facts(key)).toHaveLength(1);
    expect(await now().steps.of("dep_2")).toEqual([]);
  });

  test("a step whose consequences cannot be written has not ended", async () => {
    await now().commit([{ kind: "release", release: aRelease(1) }]);
    const id = await now().steps.begin(step);
    const changes: Change[] = [anEvent(1), { kind: "release", release: aRelease(1) }];
    expect(await codeOf(now().commit([endOf(id), ...changes]))).toBe("document.stale");
    expect(await now().steps.of("dep_1")).toMatchObject([{ endedAt: null }]);
    expect(await now().events.lastId()).toBe(0);
  });
}
