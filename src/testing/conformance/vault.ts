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

    test("what was sealed opens at its place, also after a restart", () => {
      for (const one of [text, "", "x".repeat(32_768), "a\nb\0c"]) {
        expect(vault.open(vault.seal(new Secret(one), place), place).reveal()).toBe(one);
      }
      const sealed = vault.seal(new Secret(text), place);
      vault = world.reopen();
      expect(vault.open(sealed, place).reveal()).toBe(text);
    });

    test("what was sealed opens nowhere else", () => {
      const sealed = vault.seal(new Secret(text), place);
      const others = [
        { ...place, secret: "OTHER" },
        { ...place, version: 2 },
        { ...place, key: { app: "shop", environment: "staging" } },
        { ...place, key: { app: "other", environment: "production" } },
      ];
      for (const other of others) {
        expect(() => vault.open(sealed, other)).toThrow(expect.objectContaining({ code: "vault.damaged" }));
      }
    });

    test("a text sealed twice looks different, its digest does not", () => {
      expect(vault.seal(new Secret(text), place)).not.toBe(vault.seal(new Secret(text), place));
      for (const within of [key, null]) {
        expect(vault.digest(new Secret(text), within)).toMatch(/^[0-9a-f]{8}$/);
        expect(vault.digest(new Secret(text), within)).toBe(vault.digest(new Secret(text), within));
        expect(vault.digest(new Secret(text), within)).not.toBe(vault.digest(new Secret(`${text}!`), within));
      }
    });

    test("equal texts have other digests in every environment of every app, and where they are not shown", () => {
      const places = [key, { app: "shop", environment: "staging" }, { app: "other", environment: "production" }, null];
      expect(new Set(places.map((within) => vault.digest(new Secret(text), within))).size).toBe(places.length);
    });

    test("a copy of the master key is known, also after a restart, until there is another master key", async () => {
      const key = vault.masterKey().reveal();
      expect([key.length > 0, vault.hasCopy]).toEqual([true, false]);
      await vault.noteCopy();
      vault = world.reopen();
      expect([vault.masterKey().reveal(), vault.hasCopy]).toEqual([key, true]);
      await vault.renew();
      expect(vault.hasCopy).toBe(vault.masterKey().reveal() === key);
    });

    test("keys are exchanged while old texts still open, until they are forgotten", async () => {
      const old = vault.seal(new Secret(text), place);
      const digests = () => [key, null].map((within) => vault.digest(new Secret(text), within));
      const before = digests();
      await vault.renew();
      const fresh = vault.seal(new Secret(text), place);
      expect([vault.isCurrent(old), vault.isCurrent(fresh)]).toEqual([false, true]);
      vault = world.reopen();
      expect(vault.open(old, place).reveal()).toBe(text);
      expect(vault.isCurrent(fresh)).toBe(true);
      await vault.forgetOldKeys();
      vault = world.reopen();
      expect(() => vault.open(old, place)).toThrow(expect.objectContaining({ code: "vault.damaged" }));
      expect(vault.open(fresh, place).reveal()).toBe(text);
      expect(digests()).toEqual(before);
    });
  });
}
