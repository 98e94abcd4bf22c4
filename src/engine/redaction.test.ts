import { expect, test } from "vitest";
import { Secret } from "../base/secret.ts";
import { aRelease } from "../testing/conformance/journal.ts";
import { SimulatedVault } from "../testing/simulation/vault.ts";
import { Redactors } from "./redaction.ts";

const { key } = aRelease(1);
const service = { ...aRelease(1).services[0] };

function world() {
  const vault = new SimulatedVault();
  const sealed: (string | null)[] = ["TOKEN", "OTHER", "BUILD"].map((secret) =>
    vault.seal(new Secret(`${secret}-canary`), { key, secret, version: 1 }),
  );
  const env = {
    TOKEN: [{ secret: "TOKEN", version: 1 }],
    URL: ["https://", { secret: "OTHER", version: 1 }, "@host"],
    LITERAL: "literal-canary",
    LEVEL: "production-level",
  };
  const build = { plain: {}, secret: { BUILD: [{ secret: "BUILD", version: 1 }], IN_FILE: "in-file-canary" } };
  const release = aRelease(1, {
    artifacts: [{ ...aRelease(1).artifacts[0], env: build } as never],
    services: [{ ...service, name: "web", env } as never],
    secrets: ["TOKEN", "OTHER", "LITERAL", "BUILD", "IN_FILE"],
  });
  const journal = { releases: { find: async () => release }, values: { sealed: async () => sealed } };
  return { sealed, redactors: new Redactors({ journal, vault }) };
}

const text = "TOKEN-canary OTHER-canary literal-canary production-level";

test("what a release has of secrets is hidden: set alone, set inside another value, and written in the manifest", async () => {
  const { redactors } = world();
  expect((await redactors.of(key, 1)).text(text)).toBe(
    "[secret TOKEN] [secret OTHER] [secret LITERAL] production-level",
  );
});

test("so is what only its build has", async () => {
  const { redactors } = world();
  expect((await redactors.of(key, 1)).text("BUILD-canary in-file-canary")).toBe("[secret BUILD] [secret IN_FILE]");
});

test("what cannot be opened is looked for again when it can", async () => {
  const { redactors, sealed } = world();
  const good = sealed[1] ?? "";
  sealed[1] = good.replace("OTHER", "ANOTHER");
  expect((await redactors.of(key, 1)).text(text)).toBe("[secret TOKEN] OTHER-canary [secret LITERAL] production-level");
  sealed[1] = good;
  expect((await redactors.of(key, 1)).text(text)).toBe(
    "[secret TOKEN] [secret OTHER] [secret LITERAL] production-level",
  );
});

test("of what was destroyed while it ran, as in a preview whose time is over, nothing is shown that may hold it", async () => {
  const { redactors, sealed } = world();
  sealed[0] = null;
  const redactor = await redactors.of(key, 1);
  expect(redactor.text(text)).toBe("[secret]");
  expect(redactor.bytes(Buffer.from("one\n\ntwo TOKEN-canary")).toString()).toBe("[secret]\n\n[secret]");
});
