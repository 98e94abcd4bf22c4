import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../../base/secret.ts";
import { vaultConformance } from "../../../testing/conformance/vault.ts";
import { guardKeyFile, openVault } from "./open.ts";

const key = { app: "shop", environment: "production" };
const place = { key, secret: "API_KEY", version: 1 };
const value = new Secret("canary-value");
const master = new Secret("00".repeat(32));
const nextMaster = new Secret("11".repeat(32));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-vault-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = (keys: { masterKey?: Secret; oldMasterKey?: Secret } = {}) =>
  openVault({ directory, masterKey: null, oldMasterKey: null, ...keys });

vaultConformance("keyring", () => ({ vault: open(), reopen: () => open(), dispose: () => {} }));
vaultConformance("keyring, master key from outside", () => ({
  vault: open({ masterKey: master }),
  reopen: () => open({ masterKey: master }),
  dispose: () => {},
}));

describe("the files of a vault", () => {
  test("are readable by their owner alone and hold no value", async () => {
    const vault = open();
    const sealed = vault.seal(value, place);
    await vault.renew();
    expect(readdirSync(directory).sort()).toEqual(["vault.json", "vault.key"]);
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
      expect(readFileSync(join(directory, name), "utf8")).not.toContain(value.reveal());
    }
    expect(sealed).not.toContain(value.reveal());
  });

  test("a key file that is gone or another one's is a fault, and nothing is changed", () => {
    open();
    const ring = readFileSync(join(directory, "vault.json"), "utf8");
    rmSync(join(directory, "vault.key"));
    expect(() => open()).toThrow(expect.objectContaining({ code: "vault.key" }));
    writeFileSync(join(directory, "vault.key"), `${"22".repeat(32)}\n`);
    expect(() => open()).toThrow(expect.objectContaining({ code: "vault.key" }));
    writeFileSync(join(directory, "vault.key"), "too short\n");
    expect(() => open()).toThrow(expect.objectContaining({ code: "vault.key" }));
    expect(readFileSync(join(directory, "vault.json"), "utf8")).toBe(ring);
  });

  test("a key file that others could read is theirs no more, and that is said once", () => {
    const key = join(directory, "vault.key");
    expect(guardKeyFile(directory)).toBeNull();
    open();
    expect(guardKeyFile(directory)).toBeNull();
    chmodSync(key, 0o644);
    expect(guardKeyFile(directory)).toContain("(mode 0644, now 0600)");
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(guardKeyFile(directory)).toBeNull();
  });

  test("a ring that was altered is a fault", () => {
    open();
    writeFileSync(join(directory, "vault.json"), '{"version":1}');
    expect(() => open()).toThrow(expect.objectContaining({ code: "vault.damaged" }));
    writeFileSync(join(directory, "vault.json"), "{");
    expect(() => open()).toThrow(expect.objectContaining({ code: "vault.damaged" }));
  });

  test("a process that dies between any two writes of an exchange leaves a vault that opens", async () => {
    const vault = open();
    const sealed = vault.seal(value, place);
    const before = mkdtempSync(join(tmpdir(), "fl-vault-before-"));
    cpSync(directory, before, { recursive: true });
    await vault.renew();
    const [newRing, newKey] = ["vault.json", "vault.key"].map((name) => readFileSync(join(directory, name), "utf8"));
    const cut = (files: Record<string, string | undefined>) => {
      rmSync(directory, { recursive: true });
      cpSync(before, directory, { recursive: true });
      for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory, name), bytes ?? "");
    };
    for (const files of [{ "vault.key.next": newKey }, { "vault.key.next": newKey, "vault.json": newRing }]) {
      cut(files);
      expect(open().open(sealed, place).reveal()).toBe(value.reveal());
      expect(open().open(sealed, place).reveal()).toBe(value.reveal());
      expect(readdirSync(directory).sort()).toEqual(["vault.json", "vault.key"]);
    }
    rmSync(before, { recursive: true });
  });
});

describe("a master key from outside", () => {
  test("takes over from the file, and is exchanged with the one before at hand", () => {
    const sealed = open().seal(value, place);
    expect(open({ masterKey: master }).open(sealed, place).reveal()).toBe(value.reveal());
    expect(readdirSync(directory)).toEqual(["vault.json"]);
    expect(() => open({ masterKey: nextMaster })).toThrow(expect.objectContaining({ code: "vault.key" }));
    const both = { masterKey: nextMaster, oldMasterKey: master };
    expect(open(both).open(sealed, place).reveal()).toBe(value.reveal());
    expect(open({ masterKey: nextMaster }).open(sealed, place).reveal()).toBe(value.reveal());
    expect(() => open()).toThrow(expect.objectContaining({ code: "vault.key" }));
  });

  test("must be 32 bytes, and is never shown when it is not", () => {
    expect(() => open({ masterKey: new Secret("canary") })).toThrow(
      expect.objectContaining({ code: "vault.key", detail: expect.not.stringContaining("canary") }),
    );
  });
});
