import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Fault } from "../base/faults.ts";
import { openShop, shopKey } from "./test-shop.ts";

const manifest = `version: 1
app: shop
env:
  LOG_LEVEL: { default: INFO, oneOf: [DEBUG, INFO] }
  SESSION_KEY: { generate: hex32 }
services:
  web: { run: node web.js, http: {} }
  worker: { run: node worker.js }
`;

let shop: Awaited<ReturnType<typeof openShop>>;

beforeEach(async () => {
  shop = await openShop(manifest);
});

afterEach(() => shop.close());

const run = (words: string) => shop.run(words.split(" "));
const environment = () => shop.deps.journal.environments.find(shopKey);
const serving = async () => (await environment())?.serving?.release;
const other = manifest.replace("node worker.js", "node other.js");

test("builds code and collects values, judged at once, for one release that comes when it is said", async () => {
  await run("deploy");
  writeFileSync(join(shop.root, "fairlead.yml"), other);
  const staged = await run("deploy --stage -m reworked");
  expect([staged.code, staged.stdout]).toEqual([0, expect.stringMatching(/^Staged: v2 in .*deploy --staged/)]);
  expect(staged.stderr).toMatch(/~ change .*code/);
  await run("env set LOG_LEVEL=DEBUG --stage");
  expect([await serving(), await shop.deps.journal.releases.lastNumber(shopKey)]).toEqual([1, 2]);
  expect((await run("status")).stdout).toMatch(/staged code of v2 is built and waits for .* by local reworked/);
  expect((await run("plan --staged")).stdout).toMatch(/service worker .*variables LOG_LEVEL.*changed command/);

  const applied = await run("deploy --staged");
  expect([applied.code, applied.stdout]).toEqual([0, expect.stringMatching(/^Live: v3 /)]);
  const [built, release] = await Promise.all([2, 3].map((number) => shop.deps.journal.releases.find(shopKey, number)));
  expect(release).toMatchObject({
    message: "reworked",
    services: [{ name: "web" }, { command: ["node", "other.js"] }],
    artifacts: built?.artifacts,
  });
  expect(await shop.versionsOf(3)).toMatchObject({ worker: "LOG_LEVEL@1 SESSION_KEY@1" });
  const again = await run("deploy --staged");
  expect([again.code, again.stderr]).toEqual([5, expect.stringContaining("no code is staged for shop/production")]);
});

test("a change of values alone leaves staged code where it is, other code takes its place", async () => {
  await run("deploy");
  writeFileSync(join(shop.root, "fairlead.yml"), other);
  await run("deploy --stage");
  await run("env set LOG_LEVEL=DEBUG");
  expect((await shop.deps.journal.releases.find(shopKey, 3))?.services[1]?.command).toEqual(["node", "worker.js"]);
  expect((await environment())?.staged).toBe(2);
  await run("deploy");
  expect((await environment())?.staged).toBeNull();
});

test("values that are set while it builds are those of what serves", async () => {
  await run("deploy");
  shop.ending = null;
  writeFileSync(join(shop.root, "fairlead.yml"), other);
  await run("deploy --stage --detach");
  expect((await run("status")).stdout).toMatch(/^shop\/production +v1 +degraded/);
  await run("env set LOG_LEVEL=DEBUG --detach");
  expect((await shop.deps.journal.releases.find(shopKey, 3))?.services[1]?.command).toEqual(["node", "worker.js"]);
});

test("what cannot be built says so then and there, and what was staged stays", async () => {
  await run("deploy");
  await run("deploy --stage");
  writeFileSync(join(shop.root, "fairlead.yml"), other);
  shop.ending = { is: "failed", more: { fault: new Fault("build.failed", "the build failed: exit 1").toRecord() } };
  const failed = await run("deploy --stage");
  expect([failed.code, failed.stdout]).toEqual([1, ""]);
  expect(failed.stderr).toMatch(/error: v3 failed: the build failed/);
  expect((await environment())?.staged).toBe(2);
});

test("code that would be refused is not staged, and what was staged stays", async () => {
  await run("deploy");
  await run("deploy --stage");
  writeFileSync(join(shop.root, "fairlead.yml"), manifest.replace("hex32 }", "hex32, minLength: 99 }"));
  expect((await run("deploy --stage")).code).toBe(2);
  expect((await environment())?.staged).toBe(2);
  expect((await run("deploy --staged -m words")).code).toBe(2);
});
