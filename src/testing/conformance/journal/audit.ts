import { expect, test } from "vitest";
import type { AuditEntry } from "../../../model/audit.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Journal } from "../../../ports/journal.ts";

const key: EnvKey = { app: "shop", environment: "production" };

function anEntry(at: number, more: Partial<AuditEntry> = {}): Omit<AuditEntry, "id"> {
  const actor = { name: "token", via: "token", from: "192.0.2.7" } as const;
  return { at, actor, action: "env.reveal", key, names: ["TOKEN", "数据"], detail: "", ...more };
}

/** Who did what: kept as it was, read newest first, and not forever. */
export function auditCases(now: () => Journal): void {
  const write = (...entries: readonly Omit<AuditEntry, "id">[]) =>
    now().commit(entries.map((entry) => ({ kind: "audit", entry }) as const));
  const times = async (filter: Parameters<Journal["audit"]["page"]>[0]) =>
    (await now().audit.page(filter)).map(({ at }) => at);

  test("the audit has what was done in an environment and to the whole controller, newest first, page by page", async () => {
    const local = { name: "local", via: "socket", from: null } as const;
    const entries = [
      anEntry(10),
      anEntry(20, { key: null, action: "vault.rotate", names: [], actor: local }),
      anEntry(30, { key: { ...key, environment: "staging" }, action: "deploy", detail: "v2" }),
      anEntry(40),
    ];
    await write(...entries);
    const found = await now().audit.page({ limit: 9 });
    expect(found.map(({ id: _id, ...entry }) => entry)).toEqual([...entries].reverse());
    expect(await times({ key, limit: 9 })).toEqual([40, 10]);
    expect(await times({ since: 20, limit: 9 })).toEqual([40, 30, 20]);
    const [first, second] = await now().audit.page({ limit: 2 });
    expect([first?.at, second?.at]).toEqual([40, 30]);
    expect(await times({ before: second?.id ?? 0, limit: 9 })).toEqual([20, 10]);
  });

  test("an account of something neither makes an environment nor counts as a change of one", async () => {
    const told: (readonly EnvKey[])[] = [];
    now().committed((keys) => told.push(keys));
    await write(anEntry(10));
    expect([told, await now().environments.find(key)]).toEqual([[], null]);
  });

  test("prune deletes the audit from before a time, and its ids are not used again", async () => {
    await write(anEntry(10), anEntry(20), anEntry(30));
    const [newest] = await now().audit.page({ limit: 1 });
    await now().prune({ history: 1_000, audit: 20 });
    expect(await times({ limit: 9 })).toEqual([30, 20]);
    await now().prune({ history: 1_000, audit: 1_000 });
    await write(anEntry(2_000));
    const [next] = await now().audit.page({ limit: 9 });
    expect(next?.id).toBeGreaterThan(newest?.id ?? 0);
  });
}
