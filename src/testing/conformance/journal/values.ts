import { expect, test } from "vitest";
import type { EnvKey, SealedValue } from "../../../model/environment.ts";
import type { SealedText } from "../../../ports/journal/values.ts";
import type { Journal } from "../../../ports/journal.ts";

const key: EnvKey = { app: "shop", environment: "production" };
const other: EnvKey = { app: "shop", environment: "pr-1" };

/** A set value as an environment has it. */
export function pointer(version: number) {
  return { version, at: 1_000, by: "ada" };
}

/** The same as it is recorded. */
export function sealed(version: number, text: string): SealedValue {
  return { ...pointer(version), sealed: `sealed ${text}` };
}

/** Versions of values: nothing is lost by setting or forgetting a name, only by destroying a version. */
export function valueCases(now: () => Journal): void {
  const ref = (secret: string, version: number) => ({ secret, version });

  test("every version of a value is kept, also of a name that is forgotten", async () => {
    await now().commit([{ kind: "variables", key, set: { A: sealed(1, "one"), B: sealed(1, "b") } }]);
    await now().commit([{ kind: "variables", key, set: { A: sealed(2, "two") } }]);
    await now().commit([{ kind: "variables", key, set: { A: null } }]);
    expect(await now().values.sealed(key, [ref("A", 2), ref("A", 1), ref("A", 3), ref("C", 1)])).toEqual([
      "sealed two",
      "sealed one",
      null,
      null,
    ]);
    expect(await now().values.sealed(other, [ref("A", 1)])).toEqual([null]);
    const named = { destroyed: false, at: 1_000, by: "ada" };
    expect(await now().values.versions(key, "A")).toEqual([
      { name: "A", version: 2, ...named },
      { name: "A", version: 1, ...named },
    ]);
    expect((await now().values.versions(key)).map(({ name, version }) => `${name}${version}`)).toEqual([
      "A2",
      "A1",
      "B1",
    ]);
  });

  test("a destroyed version is known and has no text; the number is not free again", async () => {
    await now().commit([{ kind: "variables", key, set: { A: sealed(1, "one") } }]);
    await now().commit([{ kind: "value.destroyed", key, ref: ref("A", 1) }]);
    await now().commit([{ kind: "variables", key, set: { A: sealed(1, "again") } }]);
    await now().commit([{ kind: "value.resealed", key, ref: ref("A", 1), sealed: "anew" }]);
    expect(await now().values.sealed(key, [ref("A", 1)])).toEqual([null]);
    expect(await now().values.versions(key, "A")).toMatchObject([{ version: 1, destroyed: true }]);
  });

  test("a preview that is taken down is open, has the replicas of the manifest, and no text of a value; their numbers are not free again", async () => {
    await now().commit([
      { kind: "variables", key, set: { A: sealed(1, "one"), B: sealed(1, "b") } },
      { kind: "variables", key: other, set: { A: sealed(1, "elsewhere") } },
    ]);
    await now().commit([{ kind: "variables", key, set: { A: sealed(2, "two"), B: null } }]);
    const preview = { from: "staging", ttlMs: 60_000, endsAt: 61_000, endedAt: null };
    await now().commit([
      { kind: "preview", key, preview },
      { kind: "maintenance", key, maintenance: { message: "soon", page: null } },
      { kind: "scale", key, service: "web", replicas: 3 },
    ]);
    await now().commit([{ kind: "preview.ended", key, at: 61_005 }]);
    const taken = { preview: { ...preview, endedAt: 61_005 }, maintenance: null, scale: {}, variables: {} };
    expect(await now().environments.find(key)).toMatchObject(taken);
    expect((await now().environments.endedPreviews()).map((one) => one.key)).toEqual([key]);
    expect(await now().values.sealed(key, [ref("A", 1), ref("A", 2), ref("B", 1)])).toEqual([null, null, null]);
    expect((await now().values.versions(key, "A")).map(({ version, destroyed }) => [version, destroyed])).toEqual([
      [2, true],
      [1, true],
    ]);
    expect(await now().values.sealed(other, [ref("A", 1)])).toEqual(["sealed elsewhere"]);
  });

  test("all sealed texts can be walked through page by page, and exchanged", async () => {
    const names = ["A", "B", "C"];
    for (const one of [key, other]) {
      for (const name of names) {
        await now().commit([{ kind: "variables", key: one, set: { [name]: sealed(1, name) } }]);
        await now().commit([{ kind: "variables", key: one, set: { [name]: sealed(2, name) } }]);
      }
    }
    await now().commit([
      { kind: "value.destroyed", key, ref: ref("B", 1) },
      { kind: "value.resealed", key, ref: ref("B", 2), sealed: "anew" },
    ]);
    const seen: string[] = [];
    for (let after = null as SealedText | null; ; ) {
      const page = await now().values.sealedTexts({ after, limit: 4 });
      seen.push(...page.map((one) => `${one.key.environment} ${one.secret}${one.version} ${one.sealed}`));
      after = page.at(-1) ?? null;
      if (page.length < 4) break;
    }
    expect(seen).toHaveLength(11);
    expect(new Set(seen).size).toBe(11);
    expect(seen).toContain("production B2 anew");
    expect(seen).not.toContain("production B1 sealed B");
  });
}
