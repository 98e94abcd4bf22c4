import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "../base/digest.ts";
import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import type { TestRunOptions } from "../cli/test-run.ts";
import { resealAll } from "../engine/values.ts";
import { createApi } from "../http/api.ts";
import { openShop, shopKey } from "./test-shop.ts";

const manifest = `version: 1
app: shop
env:
  LOG_LEVEL: { default: INFO, oneOf: [DEBUG, INFO] }
  SESSION_KEY: { generate: hex32 }
  API_KEY: { secret: true }
  DATABASE_URL: { value: "postgres://shop:\${API_KEY}@db/", secret: true }
services:
  web: { run: node web.js, http: {} }
  worker: { run: node worker.js }
`;

let shop: Awaited<ReturnType<typeof openShop>>;

beforeEach(async () => {
  shop = await openShop(manifest);
});

afterEach(() => shop.close());

const run = (words: string | readonly string[], options: TestRunOptions = {}) =>
  shop.run(typeof words === "string" ? words.split(" ") : words, options);

async function deployed(text = manifest): Promise<void> {
  expect((await run("env set API_KEY --stdin --stage", { stdin: "canary-old-key" })).code).toBe(0);
  writeFileSync(join(shop.root, "fairlead.yml"), text);
  expect((await run("deploy --confirm production")).code).toBe(0);
  const release = await shop.deps.journal.releases.find(shopKey, 1);
  for (const { digest } of release?.artifacts ?? []) shop.deps.builder.states.set(digest, { state: "built" });
}

test("after a rollback it is told what the next deployment changes again, by the list and by the plan too", async () => {
  await run("env set EXTRA=1 --stage");
  await deployed();
  expect((await run("rollback v1")).stderr).not.toContain("warning");
  await run("env set LOG_LEVEL=DEBUG");
  await run("env rotate SESSION_KEY");
  await run("env unset EXTRA -y");
  const back = await run("rollback v1");
  expect([back.code, back.stdout]).toEqual([0, expect.stringMatching(/^Live: v1 \(was v4\)/)]);
  expect(back.stderr).toContain(
    "warning: the next deployment changes EXTRA, LOG_LEVEL, SESSION_KEY again: the set values",
  );
  expect((await run("rollback v1 --detach -q")).stderr).toBe("");

  const { stdout } = await run("env list");
  expect(stdout).toMatch(/^SESSION_KEY .* set v2 +staged, v1 is live +-$/m);
  expect(stdout).toMatch(/^SESSION_KEY .* set v1 +live +web worker$/m);
  expect((await run("plan")).stdout).toMatch(/variables -EXTRA, .*LOG_LEVEL, SESSION_KEY v1 → v2/);
  await run("deploy");
  expect(await shop.versionsOf(5)).toMatchObject({ worker: "API_KEY@1 LOG_LEVEL@1 SESSION_KEY@2" });
});

test("env unset looks before it asks: a variable that is not set is an error; a staged unset can be brought live", async () => {
  await deployed();
  for (const words of ["NOBODY", "NOBODY -y", "LOG_LEVEL", "NOBODY API_KEY -y"]) {
    const { code, stderr } = await run(`env unset ${words}`);
    expect([code, stderr]).toEqual([4, expect.stringMatching(/there is no variable (NOBODY|LOG_LEVEL) that is set/)]);
  }
  await run("env set EXTRA=1");
  await run("env unset EXTRA -y --stage");
  expect((await run("env unset EXTRA -y")).stdout).toMatch(/^Live: v3 /);
});

test("env list --reveal shows a value with line ends or invisible characters in one line, and others as they are", async () => {
  for (const [name, stdin] of [
    ["PEM", "-----BEGIN\nab  c\r\n\tEND-----"],
    ["SIGN", "a\x1b[2Jb\u202ec"],
    ["PLAIN", 'C:\\x "y"'],
  ] as const)
    await run(`env set ${name} --stdin --stage`, { stdin });
  const { stdout } = await run("env list --reveal");
  expect(stdout.trimEnd().split("\n")).toHaveLength(4);
  for (const row of [
    'PEM    "-----BEGIN\\nab  c\\r\\n\\tEND-----"  set',
    'SIGN   "a\\u001b[2Jb\\u202ec"',
    'PLAIN  C:\\x "y"  ',
  ])
    expect(stdout).toContain(row);
});

test("what is set under a name that Fairlead gives goes to no service that gets it from there, and the list says so", async () => {
  const { stderr } = await run("env set PORT=1 --stage");
  expect(stderr).toBe("warning: services with http do not get PORT: Fairlead sets it (the port to listen on)\n");
  expect((await run("env set PATH=/x --stage")).stderr).toContain("warning: PATH replaces Fairlead's own");
  expect((await run("env unset PATH --stage -y")).stderr).toBe("");
  await deployed();
  const list = await run("env list");
  expect(list.stdout).toMatch(/^PORT .* live +worker$/m);
  expect(await shop.versionsOf(1)).toMatchObject({ worker: expect.stringContaining("PORT@1") });
  expect(await shop.versionsOf(1)).toMatchObject({ web: expect.not.stringContaining("PORT") });
});

test("a rollback goes on although nobody can tell what the next deployment changes again", async () => {
  await deployed();
  await run("env set LOG_LEVEL=DEBUG");
  const ref = { secret: "LOG_LEVEL", version: 1 };
  const sealed = shop.deps.vault.seal(new Secret("DEBUG"), { key: shopKey, secret: "ANOTHER", version: 1 });
  await shop.deps.journal.commit([{ kind: "value.resealed", key: shopKey, ref, sealed }]);
  const back = await run("rollback v1");
  expect([back.code, back.stdout]).toEqual([0, expect.stringMatching(/^Live: v1 /)]);
  expect(back.stderr).toMatch(/warning: cannot determine what the next deployment changes again: .* does not open/);
});

describe("env rotate", () => {
  test("makes a new value of what Fairlead makes, for all services in one release, and keeps the old one for rollbacks", async () => {
    await deployed();
    const rotated = await run("env rotate SESSION_KEY");
    expect([rotated.code, rotated.stdout]).toEqual([
      0,
      expect.stringMatching(/^Live: v2 .*\nSESSION_KEY@2 serves\.\n$/s),
    ]);
    expect(await shop.versionsOf(2)).toEqual({ web: "API_KEY@1 SESSION_KEY@2", worker: "API_KEY@1 SESSION_KEY@2" });
    expect(await shop.deps.journal.releases.lastNumber(shopKey)).toBe(2);
    const [sealedOld] = await shop.deps.journal.values.sealed(shopKey, [{ secret: "SESSION_KEY", version: 1 }]);
    expect(sealedOld).not.toBeNull();
    const refused = await run("env destroy SESSION_KEY@1 -y");
    expect([refused.code, refused.stderr]).toEqual([
      5,
      expect.stringContaining("v1 of shop/production needs SESSION_KEY@1"),
    ]);
  });

  test("takes the value of another from stdin, also where it is only a part of what services get", async () => {
    await deployed();
    const unsaid = await run("env rotate API_KEY");
    expect([unsaid.code, unsaid.stderr]).toEqual([5, expect.stringContaining("env rotate NAME --stdin")]);
    const same = await run("env rotate API_KEY --stdin", { stdin: "canary-old-key" });
    expect([same.code, same.stderr]).toEqual([2, expect.stringContaining("is the current value")]);
    const rotated = await run("env rotate API_KEY --stdin --json", { stdin: "canary-new-key\n" });
    expect(JSON.parse(rotated.stdout)).toMatchObject({ name: "API_KEY", set: "API_KEY@2", serving: ["API_KEY@2"] });
    expect(await shop.versionsOf(2)).toMatchObject({ worker: "API_KEY@2 SESSION_KEY@1" });
    expect(JSON.stringify([unsaid, same, rotated])).not.toContain("canary");
    expect((await run("env rotate NOBODY --stdin", { stdin: "x" })).code).toBe(4);
  });

  test("that fails leaves the old version serving, and says so", async () => {
    await deployed();
    shop.ending = { is: "failed" };
    const failed = await run("env rotate SESSION_KEY");
    expect(failed.code).not.toBe(0);
    expect(failed.stdout).toMatch(
      /^SESSION_KEY@1 stays in use\. SESSION_KEY@2 waits for the next deployment; .*rotate/,
    );
    expect((await shop.deps.journal.environments.find(shopKey))?.serving?.release).toBe(1);
  });
});

describe("env set and env unset", () => {
  const releases = () => shop.deps.journal.releases.lastNumber(shopKey);

  test("deploy nothing where nothing becomes different, but bring live what only waited", async () => {
    await deployed();
    await run("env set LOG_LEVEL=DEBUG");
    for (const words of ["set LOG_LEVEL=DEBUG", "set LOG_LEVEL=DEBUG --stage"]) {
      const { code, stdout } = await run(`env ${words}`);
      expect([code, stdout, await releases()]).toEqual([0, "Nothing was changed.\n", 2]);
    }
    await run("env set EXTRA=1 --stage");
    expect([(await run("env unset EXTRA -y")).code, await releases()]).toEqual([0, 2]);
    await run("env set LOG_LEVEL=INFO --stage");
    expect((await run("env set LOG_LEVEL=INFO")).stdout).toMatch(/^Live: v3 /);
  });

  test("that fail say that the change is kept, and what still serves is told with its version", async () => {
    await deployed();
    await run("env set LOG_LEVEL=DEBUG");
    shop.ending = { is: "failed" };
    const failed = await run("env set LOG_LEVEL=INFO");
    expect([failed.code, failed.stdout]).toEqual([1, expect.stringMatching(/^The change of LOG_LEVEL is saved for/)]);
    const listed = (await run("env list")).stdout;
    expect(listed).toMatch(/LOG_LEVEL .* set v2 +staged/);
    expect(listed).toMatch(/LOG_LEVEL .* set v1 +live +web worker/);
  });

  test("name the values there may be, and whose fault it is", async () => {
    await deployed();
    const { code, stderr } = await run("env set LOG_LEVEL=canary");
    expect([code, stderr]).toEqual([2, expect.stringContaining("oneOf: DEBUG or INFO (the set value,")]);
    expect(stderr).toMatch(/hint: Set every variable listed above to an allowed value/);
    expect(stderr).not.toContain("canary");
  });

  test("take no nothing from stdin for a value", async () => {
    await deployed();
    for (const words of ["env set API_KEY --stdin", "env rotate API_KEY --stdin"]) {
      const { code, stderr } = await run(words, { stdin: "\n" });
      expect([code, stderr]).toEqual([2, expect.stringContaining("stdin has no value for API_KEY")]);
    }
    expect(await releases()).toBe(1);
  });
});

test("what no key opens any more hinders no start, and is set again, all of it at once", async () => {
  await deployed();
  await shop.deps.vault.renew();
  await shop.deps.vault.forgetOldKeys();
  const lost = ["API_KEY@1 of shop/production", "SESSION_KEY@1 of shop/production"];
  expect(await resealAll(shop.deps)).toEqual({ values: 0, lost });
  const one = await run("env set API_KEY --stdin", { stdin: "canary-new-key" });
  expect([one.code, one.stderr]).toEqual([1, expect.stringMatching(/SESSION_KEY@1.*\n.*`fairlead env import`/)]);
  writeFileSync(join(shop.around, "all.env"), `API_KEY=canary-new-key\nSESSION_KEY=${"0".repeat(64)}\n`);
  expect((await run("env import ../all.env")).code).toBe(0);
  expect(await shop.versionsOf(2)).toMatchObject({ web: "API_KEY@2 SESSION_KEY@2" });
});

describe("audit", () => {
  test("has who did what, the newest last, with names and never a value", async () => {
    await deployed();
    await run("env set LOG_LEVEL=DEBUG");
    await run("env list --reveal");
    await run("env rotate SESSION_KEY");
    await run("env unset LOG_LEVEL -y");
    await run("rollback v1");
    await run("scale web=2 --detach");
    await run("down -y");
    await run("vault rotate");
    const { stdout } = await run("audit --json");
    const { items } = JSON.parse(stdout);
    const told = items.map(({ action, names, by, from }: Record<string, unknown>) =>
      [action, names, by, from].flat().join(" "),
    );
    expect(told).toEqual([
      "env.set API_KEY local ",
      "deploy v1 local ",
      "env.set LOG_LEVEL local ",
      "env.reveal API_KEY DATABASE_URL LOG_LEVEL SESSION_KEY local ",
      "env.rotate SESSION_KEY local ",
      "env.unset LOG_LEVEL local ",
      "rollback v1 local ",
      "scale web local ",
      "down local ",
      "vault.rotate local ",
    ]);
    expect(stdout).not.toContain("canary");
    expect(stdout).not.toContain("DEBUG");
    const narrow = await run("audit -n 2 -e production");
    expect(narrow.stdout.split("\n").map((line) => line.replace(/ +/g, " ").trim())).toEqual([
      expect.stringContaining("WHO DID"),
      expect.stringMatching(/local scale shop\/production web web=2$/),
      expect.stringMatching(/local down shop\/production -$/),
      "",
    ]);
    expect((await run("audit -e staging")).stdout).toBe("No entries.\n");
    expect((await run("audit --since 2999-01-01")).stdout).toBe("No entries.\n");
  });

  test("of a refused change has nothing, and of a token from where it came", async () => {
    await deployed();
    expect((await run("env set LOG_LEVEL=canary")).code).toBe(2);
    shop.deps.tokenDigest = sha256("correct");
    const headers = { authorization: "Bearer correct", host: "localhost" };
    const reveal = "/v1/apps/shop/environments/production/variables/reveal";
    const connection = { via: "tcp", address: "192.0.2.7" } as const;
    const answer = await createApi(shop.deps).request(reveal, { method: "POST", headers }, connection);
    expect(answer.status).toBe(200);
    const { stdout } = await run("audit");
    expect(stdout).toMatch(/token 192\.0\.2\.7 +env\.reveal/);
    expect(stdout).not.toContain("env.set    shop/production  LOG_LEVEL");
  });

  test("goes on for pages", async () => {
    const actor = { name: "local", via: "socket", from: null } as const;
    for (let at = 0; at < 450; at += 1) {
      const entry = { at, actor, action: "restart", key: shopKey, names: [], detail: `#${at}` } as const;
      await shop.deps.journal.commit([{ kind: "audit", entry }]);
    }
    const details = async (line: string) =>
      JSON.parse((await run(line)).stdout).items.map(({ detail }: { detail: string }) => detail);
    const all = await details("audit --json -n 10000");
    expect([all.length, all[0], all.at(-1)]).toEqual([450, "#0", "#449"]);
    const some = await details("audit --json -n 300");
    expect([some.length, some[0], some.at(-1)]).toEqual([300, "#150", "#449"]);
  });
});

describe("env edit", () => {
  /** What the editor was shown, and how the file lay there. */
  let seen: { text: string; file: string; modes: string[] }[];

  /** Edits with a function in place of an editor. */
  function edit(words: string, change: (text: string) => string | Promise<string>, options: TestRunOptions = {}) {
    seen = [];
    const host = {
      fleetingDirectory: shop.root,
      edit: async (file: string) => {
        const text = readFileSync(file, "utf8");
        const modes = [file, dirname(file)].map((path) => (statSync(path).mode & 0o777).toString(8));
        seen.push({ text, file, modes });
        writeFileSync(file, await change(text));
      },
    };
    return run(words, { host, ...options });
  }

  const left = () => readdirSync(shop.root).filter((name) => name.startsWith("fairlead-"));

  test("changes, adds and forgets in one release, shows names alone, and leaves no file behind", async () => {
    await deployed();
    await run("env set LOG_LEVEL=DEBUG --stage");
    const { code, stdout, stderr } = await edit("env edit -y", (text) =>
      text.replace(/^LOG_LEVEL=.*\n/m, "").replace(/^API_KEY=.*$/m, "API_KEY='canary new'\nEXTRA=canary"),
    );
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Live: v2 /)]);
    expect(stderr).toMatch(/added {6}EXTRA/);
    expect(stderr).toMatch(/changed {4}API_KEY/);
    expect(stderr).toMatch(/forgotten {2}LOG_LEVEL/);
    expect(seen[0]?.modes).toEqual(["600", "700"]);
    expect(seen[0]?.text).toMatch(/^API_KEY="\[unchanged\]"$/m);
    expect(seen[0]?.text + stdout + stderr).not.toContain("canary");
    expect(left()).toEqual([]);
    expect(await shop.versionsOf(2)).toMatchObject({ web: "API_KEY@2 EXTRA@1 SESSION_KEY@1" });
    const revealed = await edit("env edit --reveal -y", (text) => text);
    expect([revealed.stdout, seen[0]?.text]).toEqual(["Nothing was changed.\n", expect.stringContaining("canary new")]);
    expect((await shop.deps.journal.audit.page({ limit: 1 }))[0]?.action).toBe("env.reveal");
  });

  test("of two editors the second is refused, changes nothing, and its text is kept", async () => {
    await deployed();
    const late = await edit("env edit -y --stage", async (text) => {
      await run("env set LOG_LEVEL=DEBUG --stage");
      return text.replace(/^API_KEY=.*$/m, "API_KEY=canary-late");
    });
    expect([late.code, late.stderr]).toEqual([
      5,
      expect.stringMatching(/is at revision .*\n.*text is kept in (\S+)\./),
    ]);
    expect(readFileSync(seen[0]?.file ?? "", "utf8")).toContain("API_KEY=canary-late");
    expect((await shop.deps.journal.values.versions(shopKey, "API_KEY")).map(({ version }) => version)).toEqual([1]);
  });

  test.each([
    ["a line that is none", (text: string) => `${text}torn\n`, /production\.env:6 is not NAME=value/],
    ["a value that the manifest refuses", (text: string) => `${text}LOG_LEVEL=canary\n`, /env\.LOG_LEVEL/],
    ["an empty text", () => "\n", /text is empty/],
  ])("%s is refused with its place, and kept", async (_words, change, diagnostic) => {
    await deployed();
    const refused = await edit("env edit -y", change);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(diagnostic)]);
    expect(refused.stderr).toMatch(/text is kept in/);
    expect(refused.stderr).not.toContain("canary");
    expect(left()).toHaveLength(1);
    expect(await shop.deps.journal.releases.lastNumber(shopKey)).toBe(1);
  });

  test("what is not confirmed is kept, too", async () => {
    await deployed(`${manifest}protected: true\n`);
    const change = (text: string) => `${text}EXTRA=canary\n`;
    const unconfirmed = await edit("env edit -y --stage", change);
    expect([unconfirmed.code, unconfirmed.stderr]).toEqual([8, expect.stringMatching(/protected.*\n.*kept in/)]);
    expect(readFileSync(seen[0]?.file ?? "", "utf8")).toContain("EXTRA=canary");
    expect((await edit("env edit -y --stage --confirm production", change)).code).toBe(0);
    expect(left()).toHaveLength(1);
  });

  test("an editor that fails, and nobody to ask, change nothing and leave no file", async () => {
    await deployed();
    const failed = await edit("env edit -y", () => Promise.reject(new Fault("usage.invalid", "vi failed")));
    expect([failed.code, left()]).toEqual([2, []]);
    const unasked = await edit("env edit", (text) => text);
    expect([unasked.code, seen.length, left()]).toEqual([8, 0, []]);
  });
});

test("an environment that nobody declared or knows is created only when asked to; a likely one is named", async () => {
  writeFileSync(join(shop.root, "fairlead.yml"), `${manifest}environments:\n  staging: {}\n`);
  writeFileSync(join(shop.root, "one.env"), "LOG_LEVEL=DEBUG\n");
  const set = (...more: readonly string[]) => run(["env", "set", "LOG_LEVEL=DEBUG", "--stage", ...more]);
  const slipped = await set("-e", "stagign");
  expect([slipped.code, slipped.stderr]).toEqual([8, expect.stringContaining("did you mean staging?")]);
  expect((await set("-e", "prod")).stderr).toContain("did you mean production?");
  for (const line of [
    "deploy -e stagign",
    "env import one.env -e stagign",
    "promote production stagign",
    "up -e stagign",
  ])
    expect(await run(line)).toMatchObject({ code: 8, stdout: "", stderr: expect.stringContaining("pass --create") });
  expect((await set("-e", "pr-12")).stderr).toContain("shop has no environment pr-12\n");
  expect((await set("-e", "pr-12", "--create")).code).toBe(0);
  for (const name of ["staging", "production", "pr-12"]) expect((await set("-e", name)).stderr).toBe("");
});
