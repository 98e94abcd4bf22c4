import { expect, test } from "vitest";
import { type EnvKey, newEnvironment } from "../../../model/environment.ts";
import type { Journal } from "../../../ports/journal.ts";
import { anEvent, facts } from "./samples.ts";
import { pointer, sealed } from "./values.ts";

const key: EnvKey = { app: "shop", environment: "production" };
const other: EnvKey = { app: "shop", environment: "pr-1" };

/** What is kept about an environment beside its releases, and what is known of its instances. */
export function environmentCases(now: () => Journal): void {
  test("knows nothing at first", async () => {
    expect(await now().environments.all()).toEqual([]);
    expect(await now().environments.find(key)).toBeNull();
    expect(await now().releases.find(key, 1)).toBeNull();
    expect(await now().deployments.find("dep_0")).toBeNull();
    expect(await now().releases.lastNumber(key)).toBe(0);
    expect(await now().events.lastId()).toBe(0);
    expect(await now().deployments.unfinished(key)).toEqual([]);
    expect(await now().environments.facts(key)).toEqual([]);
  });

  test("an environment comes into being with the first change that names it", async () => {
    await now().commit([anEvent(1)]);
    const fresh = newEnvironment(key);
    expect(await now().environments.find(key)).toEqual(fresh);
    expect(await now().environments.find(other)).toBeNull();
    expect(await now().environments.all()).toEqual([fresh]);
  });

  test("keeps whether an environment is closed for maintenance, and with which words", async () => {
    const maintenance = { message: "Back at nine – 数据库", page: "<h1>Back at nine</h1>" };
    await now().commit([{ kind: "maintenance", key, maintenance }]);
    expect(await now().environments.find(key)).toMatchObject({ maintenance, stopped: false, revision: 0 });
    await now().commit([{ kind: "maintenance", key, maintenance: null }]);
    expect(await now().environments.find(key)).toMatchObject({ maintenance: null });
  });

  test("keeps whose code waits to be deployed, and that none does", async () => {
    await now().commit([{ kind: "staged", key, staged: 7 }]);
    expect(await now().environments.find(key)).toMatchObject({ staged: 7, revision: 0 });
    await now().commit([{ kind: "staged", key, staged: null }]);
    expect(await now().environments.find(key)).toMatchObject({ staged: null });
  });

  test("keeps until when an environment is a preview, and of which other one", async () => {
    const preview = { from: "staging", ttlMs: 60_000, endsAt: 61_000, endedAt: null };
    await now().commit([{ kind: "preview", key, preview }]);
    expect(await now().environments.find(key)).toMatchObject({ preview, stopped: false, revision: 0 });
    await now().commit([{ kind: "preview", key, preview: { ...preview, endedAt: 61_005 } }]);
    expect((await now().environments.find(key))?.preview).toEqual({ ...preview, endedAt: 61_005 });
  });

  test("keeps what an environment serves and whether it is stopped", async () => {
    const serving = { release: 2, generations: { web: "dep_1", worker: "dep_2" } };
    await now().commit([
      { kind: "serving", key, serving },
      { kind: "stopped", key, stopped: true },
    ]);
    expect(await now().environments.find(key)).toMatchObject({ serving, stopped: true, revision: 0 });
    await now().commit([
      { kind: "serving", key, serving: null },
      { kind: "stopped", key, stopped: false },
    ]);
    expect(await now().environments.find(key)).toMatchObject({ serving: null, stopped: false });
  });

  test("scale and variables are merged by name, and each change raises the revision", async () => {
    await now().commit([
      { kind: "variables", key, set: { A: sealed(1, "1"), B: sealed(1, "2"), __proto__x: sealed(1, "3") } },
    ]);
    await now().commit([{ kind: "variables", key, set: { A: null, B: sealed(2, "é") } }]);
    await now().commit([{ kind: "scale", key, service: "web", replicas: 4 }]);
    await now().commit([{ kind: "scale", key, service: "worker", replicas: 0 }]);
    await now().commit([{ kind: "scale", key, service: "web", replicas: null }]);
    const environment = await now().environments.find(key);
    expect(environment?.variables).toEqual({ B: pointer(2), __proto__x: pointer(1) });
    expect(environment?.scale).toEqual({ worker: 0 });
    expect(environment?.revision).toBe(5);
  });

  test("facts are replaced and forgotten by name", async () => {
    await now().commit([
      { kind: "facts", key, facts: facts("b") },
      { kind: "facts", key, facts: facts("a") },
      { kind: "facts", key: other, facts: facts("a", { gatedAt: 1 }) },
    ]);
    const gone = facts("b", { gatedAt: 1, retiredAt: 2, retiredBecause: "unwanted" });
    await now().commit([{ kind: "facts", key, facts: gone }]);
    expect([...(await now().environments.facts(key))].sort((x, y) => (x.name < y.name ? -1 : 1))).toEqual([
      facts("a"),
      gone,
    ]);
    await now().commit([{ kind: "facts.forgotten", key, name: "a" }]);
    expect(await now().environments.facts(key)).toEqual([gone]);
    expect(await now().environments.facts(other)).toHaveLength(1);
  });
}
