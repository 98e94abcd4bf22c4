import { expect, test } from "vitest";
import type { AccessToken } from "../../../model/access-token.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Journal } from "../../../ports/journal.ts";

/** A token as it is recorded. */
export function aToken(name: string, more: Partial<AccessToken> = {}): AccessToken {
  return { name, digest: `of ${name}`, createdAt: 1, createdBy: "local", expiresAt: null, usedAt: null, ...more };
}

/** Tokens: one of a name, kept as they were made, until they are revoked. */
export function tokenCases(now: () => Journal, reopen: () => Promise<Journal>): void {
  const create = (token: AccessToken) => now().commit([{ kind: "token.created", token }]);

  test("tokens are kept as they were made, by name, also by the next process", async () => {
    const ada = aToken("ada", { expiresAt: 90 });
    await create(aToken("ci"));
    await create(ada);
    const later = await reopen();
    expect(await later.tokens.all()).toEqual([ada, aToken("ci")]);
    expect([await later.tokens.find("ada"), await later.tokens.find("eve")]).toEqual([ada, null]);
  });

  test("a second token of a name is refused, with all that should be written with it", async () => {
    await create(aToken("ci"));
    const second = { kind: "token.created", token: aToken("ci", { digest: "other" }) } as const;
    await expect(now().commit([{ kind: "token.revoked", name: "eve" }, second])).rejects.toMatchObject({
      code: "token.name-taken",
    });
    expect(await now().tokens.all()).toEqual([aToken("ci")]);
  });

  test("the last use is kept, and does not bring a revoked token back", async () => {
    await create(aToken("ci"));
    await create(aToken("ada"));
    const used = (name: string) => ({ kind: "token.used", name, at: 7 }) as const;
    await now().commit([used("ci"), { kind: "token.revoked", name: "ada" }, used("ada")]);
    expect(await now().tokens.all()).toEqual([aToken("ci", { usedAt: 7 })]);
    await create(aToken("ada"));
    expect(await now().tokens.find("ada")).toEqual(aToken("ada"));
  });

  test("a token neither makes an environment nor counts as a change of one", async () => {
    const told: (readonly EnvKey[])[] = [];
    now().committed((keys) => told.push(keys));
    await create(aToken("ci"));
    expect([told, await now().environments.all()]).toEqual([[], []]);
  });
}
