import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../base/secret.ts";
import type { Vault } from "../../ports/vault.ts";

/** A vault under test; `reopen` goes on with the same files as after the death of the process. */
export interface VaultUnderTest {
  readonly vault: Vault;
  reopen(): Vault;
  dispose(): void;
}

const key = { app: "shop", environment: "production" };
const place = { key, secret: "API_KEY", version: 1 };
const text = "canary-é-😀-value";

/** What every Vault promises (ports/vault.ts). */
export function vaultConformance(name: string, make: () => VaultUnderTest): void {
  describe(`vault contract: ${name}`, () => {
    let world: VaultUnderTest;
    let vault: Vault;
    beforeEach(() => {
      world = make();
      vault = world.vault;
    });
    afterEach(() => world.dispose());
    const reopen = () => {
      vault = world.reopen();
    };
    sealing(() => vault, reopen);
    keys(() => vault, reopen);
  });
}

function sealing(now: () => Vault, reopen: () => void): void {
  test("what was sealed opens at its place, also after a restart", () => {
    for (const one of [text, "", "x".repeat(32_768), "a\nb\0c"]) {
      expect(
        now()
          .open(now().seal(new Secret(one), place), place)
          .reveal(),
      ).toBe(one);
    }
    const sealed = now().seal(new Secret(text), place);
    reopen();
    expect(now().open(sealed, place).reveal()).toBe(text);
  });

  test("what was sealed opens nowhere else", () => {
    const sealed = now().seal(new Secret(text), place);
    const others = [
      { ...place, secret: "OTHER" },
      { ...place, version: 2 },
      { ...place, key: { app: "shop", environment: "staging" } },
      { ...place, key: { app: "other", environment: "production" } },
    ];
    for (const other of others) {
      expect(() => now().open(sealed, other)).toThrow(expect.objectContaining({ code: "vault.damaged" }));
    }
  });

  test("a text sealed twice looks different, its digest does not", () => {
    expect(now().seal(new Secret(text), place)).not.toBe(now().seal(new Secret(text), place));
    for (const within of [key, null]) {
      expect(now().digest(new Secret(text), within)).toMatch(/^[0-9a-f]{8}$/);
      expect(now().digest(new Secret(text), within)).toBe(now().digest(new Secret(text), within));
      expect(now().digest(new Secret(text), within)).not.toBe(now().digest(new Secret(`${text}!`), within));
    }
  });

  test("equal texts have other digests in every environment of every app, and where they are not shown", () => {
    const places = [key, { app: "shop", environment: "staging" }, { app: "other", environment: "production" }, null];
    expect(new Set(places.map((within) => now().digest(new Secret(text), within))).size).toBe(places.length);
  });
}

function keys(now: () => Vault, reopen: () => void): void {
  test("a copy of the master key is known, also after a restart, until there is another master key", async () => {
    const key = now().masterKey().reveal();
    expect([key.length > 0, now().hasCopy]).toEqual([true, false]);
    await now().noteCopy();
    reopen();
    expect([now().masterKey().reveal(), now().hasCopy]).toEqual([key, true]);
    await now().renew();
    expect(now().hasCopy).toBe(now().masterKey().reveal() === key);
  });

  test("keys are exchanged while old texts still open, until they are forgotten", async () => {
    const old = now().seal(new Secret(text), place);
    const digests = () => [key, null].map((within) => now().digest(new Secret(text), within));
    const before = digests();
    await now().renew();
    const fresh = now().seal(new Secret(text), place);
    expect([now().isCurrent(old), now().isCurrent(fresh)]).toEqual([false, true]);
    reopen();
    expect(now().open(old, place).reveal()).toBe(text);
    expect(now().isCurrent(fresh)).toBe(true);
    await now().forgetOldKeys();
    reopen();
    expect(() => now().open(old, place)).toThrow(expect.objectContaining({ code: "vault.damaged" }));
    expect(now().open(fresh, place).reveal()).toBe(text);
    expect(digests()).toEqual(before);
  });
}
