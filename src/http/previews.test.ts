import { beforeEach, describe, expect, test } from "vitest";
import { environmentList, statusView } from "../contract/environments.ts";
import { previewAnswer } from "../contract/previews.ts";
import { problem } from "../contract/problem.ts";
import { revealedVariables } from "../contract/variables.ts";
import { wallClock } from "../testing/clock.ts";
import { apiOnFakes } from "./test-api.ts";

const hour = 3_600_000;
const manifest = `version: 1
app: shop
env:
  LEVEL: INFO
  API_KEY: { secret: true, required: [staging, production] }
  SESSION: { generate: hex32 }
services:
  web: { run: node web.js, http: {} }
previews: { max: 2 }
environments:
  staging: { env: { LEVEL: DEBUG } }
  testing: {}
`;

const fakes = apiOnFakes();
let now: number;

beforeEach(() => {
  now = Date.parse("2030-01-01T00:00:00Z");
  fakes.deps.clock = { ...wallClock, now: () => now };
});

const keyOf = (environment: string) => ({ app: "shop", environment });

const ask = (method: string, environment: string, ...[path, body]: [string, unknown?]) =>
  fakes.ask(method, `/v1/apps/shop/environments/${environment}/${path}`, { body });
const sourceOf = (text: string) => fakes.put(text);

/** Makes a preview, and has its deployment be live. */
async function made(name: string, more: object = {}, text = manifest) {
  const { status, json } = await ask("POST", name, "preview", { source: sourceOf(text), ...more });
  expect([status, json]).toEqual([202, expect.anything()]);
  const answer = previewAnswer.parse(json);
  await fakes.deps.engine.finish(answer.deployment.id, "live");
  return answer;
}

async function refused(name: string, more: object = {}, text = manifest) {
  const { status, json } = await ask("POST", name, "preview", { source: sourceOf(text), ...more });
  const { code, detail, hint } = problem.parse(json);
  return { status, code, detail, hint };
}

const setFor = (environment: string, set: object) => ask("PATCH", environment, "variables", { set });

/** What the processes of the newest release get. */
async function filled(environment: string): Promise<Record<string, string>> {
  const { status, json } = await ask("POST", environment, "variables/reveal");
  expect(status).toBe(200);
  return revealedVariables.parse(json).effective.web ?? {};
}

const reconcile = (environment: string) => fakes.deps.engine.record(keyOf(environment), now);

async function listed() {
  const response = await fakes.api.request("/v1/environments", {}, { via: "socket" });
  return environmentList.parse(await response.json()).items;
}

describe("a preview", () => {
  test("has the configuration and the values of its base, and generated values, hosts and an end of its own", async () => {
    await setFor("staging", { API_KEY: "staging-key", EXTRA: "more", SESSION: "of-staging" });
    const { preview, deployment } = await made("pr-12");
    expect(preview).toEqual({ from: "staging", endsAt: new Date(now + 72 * hour).toISOString() });
    expect(deployment).toMatchObject({ environment: "pr-12", release: "v1", kind: "deploy" });
    const env = await filled("pr-12");
    expect(env).toMatchObject({ LEVEL: "DEBUG", API_KEY: "staging-key", EXTRA: "more", FAIRLEAD_ENVIRONMENT: "pr-12" });
    expect(env.SESSION).toMatch(/^[0-9a-f]{64}$/);
    const [one] = (await listed()).filter(({ environment }) => environment === "pr-12");
    expect(one).toMatchObject({ release: "v1", state: "serving", preview });
    expect(one?.urls.map(({ url }) => url)).toEqual(["http://pr-12--web.shop.localhost:8080"]);
    const events = await fakes.deps.journal.events.page({ key: keyOf("pr-12"), after: 0, limit: 9 });
    expect(events[0]).toMatchObject({ kind: "preview.created", detail: expect.stringContaining("staging for 3 d") });
  });

  test("gets nothing that Fairlead made for its base, also when its own manifest does not say so", async () => {
    await setFor("staging", { API_KEY: "staging-key" });
    const { json } = await ask("POST", "staging", "deployments", { kind: "deploy", source: sourceOf(manifest) });
    await fakes.deps.engine.finish(json.deployment.id, "live");
    expect((await filled("staging")).SESSION).toMatch(/^[0-9a-f]{64}$/);
    await made("pr-12", {}, manifest.replace("  SESSION: { generate: hex32 }\n", ""));
    expect(await filled("pr-12")).not.toHaveProperty("SESSION");
  });

  test("names what its base has no value for, and where that is set", async () => {
    expect(await refused("pr-12")).toMatchObject({
      status: 422,
      code: "manifest.invalid",
      detail: expect.stringContaining("API_KEY"),
      hint: expect.stringContaining("-e staging"),
    });
    expect(await fakes.deps.journal.environments.find(keyOf("pr-12"))).toBeNull();
  });

  test.each([
    ["production", "its secrets must stay there"],
    ["guarded", "it is protected"],
    ["pr-1", "it is itself a preview"],
  ])("is not made from %s", async (from, because) => {
    await setFor("staging", { API_KEY: "staging-key" });
    await made("pr-1");
    const text = `${manifest}  guarded: { protected: { branches: [main] } }\n`;
    const guarded = { kind: "deploy", source: sourceOf(text), branch: "main" };
    const headers = { "content-type": "application/json", "fairlead-confirm": "guarded" };
    const begun = await fakes.api.request(
      "/v1/apps/shop/environments/guarded/deployments",
      { method: "POST", headers, body: JSON.stringify(guarded) },
      { via: "socket" },
    );
    await fakes.deps.engine.finish((await begun.json()).deployment.id, "live");
    for (const one of ["production", "guarded"]) await setFor(one, { API_KEY: `canary-of-${one}` });
    const without = "version: 1\napp: shop\nservices: { web: { run: node web.js, http: {} } }\n";
    for (const text of [manifest, without]) {
      expect(await refused("pr-2", { from }, text)).toMatchObject({
        status: 409,
        code: "preview.from-protected",
        detail: expect.stringContaining(because),
      });
    }
    expect(await fakes.deps.journal.environments.find(keyOf("pr-2"))).toBeNull();
  });

  test.each(["production", "staging", "qa"])("is not called %s, which is an environment of its own", async (name) => {
    await setFor("qa", { LEVEL: "INFO" });
    expect(await refused(name, { from: "testing" })).toMatchObject({ status: 409, code: "preview.name-taken" });
    expect((await fakes.deps.journal.environments.find(keyOf(name)))?.preview ?? null).toBeNull();
  });

  test("is not made from an environment that nobody knows", async () => {
    const { code, detail } = await refused("pr-1", { from: "stagin" });
    expect([code, detail]).toEqual(["request.invalid", expect.stringContaining("the manifest has staging, testing")]);
  });

  test("is not made from itself", async () => {
    expect(await refused("pr-1", { from: "pr-1" })).toMatchObject({ status: 409, code: "preview.name-taken" });
  });

  test("is one of a few; the ones there are are named, with their end", async () => {
    await made("pr-1", { from: "testing", ttlMs: hour });
    await made("pr-2", { from: "testing" });
    const { status, code, detail } = await refused("pr-3", { from: "testing" });
    expect([status, code]).toEqual([409, "preview.too-many"]);
    expect(detail).toBe("shop has 2 of at most 2 previews: pr-1 (expires in 1 h), pr-2 (expires in 3 d)");
    await made("pr-2", { from: "testing" });
    await ask("DELETE", "pr-1", "preview");
    await reconcile("pr-1");
    await made("pr-3", { from: "testing" });
  });

  test("of two that are asked for at the same time, one too many is refused", async () => {
    const source = sourceOf(manifest);
    const answers = await Promise.all(
      ["pr-1", "pr-2", "pr-3"].map((name) => ask("POST", name, "preview", { source, from: "testing" })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 409]);
  });

  test("of two that want each other's configuration at the same time, both are answered", async () => {
    const source = sourceOf(`${manifest}  pr-1: {}\n  pr-2: {}\n`);
    const ask12 = ask("POST", "pr-1", "preview", { source, from: "pr-2" });
    const ask21 = ask("POST", "pr-2", "preview", { source, from: "pr-1" });
    expect((await Promise.all([ask12, ask21])).map(({ status }) => status)).toEqual([409, 409]);
  });

  test.each([[{ ttlMs: 999 }], [{ ttlMs: 30 * 24 * hour + 1 }], [{ ttl: "1h" }], [{ from: "No" }]])(
    "is refused with %j",
    async (more) => {
      expect(await refused("pr-1", more)).toMatchObject({ status: 400, code: "request.invalid" });
    },
  );
});

describe("the time of a preview", () => {
  const endsAt = async () => (await fakes.deps.journal.environments.find(keyOf("pr-1")))?.preview?.endsAt;

  test("begins anew with every deployment of code, and with nothing else", async () => {
    await made("pr-1", { from: "testing", ttlMs: hour });
    const values = await fakes.deps.journal.values.versions(keyOf("pr-1"));
    const begun = now;
    now += hour / 2;
    await setFor("pr-1", { LEVEL: "WARN" });
    await ask("POST", "pr-1", "deployments", { kind: "restart" });
    expect(await endsAt()).toBe(begun + hour);
    await ask("POST", "pr-1", "deployments", { kind: "deploy", source: sourceOf(manifest) });
    expect(await endsAt()).toBe(now + hour);
    now += hour / 2;
    expect((await made("pr-1")).preview).toEqual({ from: "testing", endsAt: new Date(now + hour).toISOString() });
    await made("pr-1", { ttlMs: 2 * hour });
    expect(await endsAt()).toBe(now + 2 * hour);
    expect(await refused("pr-1", { from: "staging" })).toMatchObject({ status: 400, code: "request.invalid" });
    // Its own values stay its own.
    expect((await filled("pr-1")).LEVEL).toBe("WARN");
    expect((await fakes.deps.journal.values.versions(keyOf("pr-1"), "SESSION")).length).toBe(values.length);
  });

  test("ends it with all that it had, and then nothing is done to it", async () => {
    await made("pr-1", { from: "testing", ttlMs: hour });
    await setFor("pr-1", { API_KEY: "canary-value" });
    await ask("PATCH", "pr-1", "scale", { web: 3 });
    await ask("PUT", "pr-1", "maintenance", { message: "closed" });
    now += hour;
    const changes = [
      () => ask("POST", "pr-1", "deployments", { kind: "deploy", source: sourceOf(manifest) }),
      () => ask("POST", "pr-1", "deployments", { kind: "rollback" }),
      () => setFor("pr-1", { API_KEY: "other" }),
    ];
    const codes = async () => Promise.all(changes.map(async (change) => problem.parse((await change()).json).code));
    expect(await codes()).toEqual(["preview.ended", "preview.ended", "preview.ended"]);
    await reconcile("pr-1");
    expect(await codes()).toEqual(["preview.ended", "preview.ended", "preview.ended"]);
    expect(await fakes.deps.journal.environments.find(keyOf("pr-1"))).toMatchObject({
      ...{ stopped: true, serving: null, variables: {}, scale: {}, maintenance: null },
      preview: { endedAt: now },
    });
    const versions = await fakes.deps.journal.values.versions(keyOf("pr-1"));
    expect(versions.map(({ name, destroyed }) => [name, destroyed])).toEqual([
      ["API_KEY", true],
      ["SESSION", true],
    ]);
    expect(
      (await fakes.deps.journal.deployments.unfinished(keyOf("pr-1"))).every(({ cancelRequested }) => cancelRequested),
    ).toBe(true);
    expect(await listed()).toEqual([]);
    expect(statusView.parse((await ask("GET", "pr-1", "status")).json).state).toBe("stopped");
  });

  test("can begin again under the same name, as a new preview", async () => {
    await made("pr-1", { from: "testing", ttlMs: hour });
    await setFor("pr-1", { LEVEL: "WARN" });
    now += hour;
    await reconcile("pr-1");
    await setFor("staging", { API_KEY: "staging-key" });
    const { preview, deployment } = await made("pr-1");
    expect([preview.from, preview.endsAt]).toEqual(["staging", new Date(now + 72 * hour).toISOString()]);
    expect(Number(deployment.release.slice(1))).toBeGreaterThan(1);
    expect(await filled("pr-1")).toMatchObject({ LEVEL: "DEBUG", API_KEY: "staging-key" });
  });

  test("is ended by remove, once; what is no preview is not", async () => {
    await made("pr-1", { from: "testing" });
    await setFor("staging", { LEVEL: "INFO" });
    for (const one of ["staging", "nobody"]) {
      const { status, json } = await ask("DELETE", one, "preview");
      expect([status, problem.parse(json).code]).toEqual([404, "preview.unknown"]);
    }
    expect((await ask("DELETE", "pr-1", "preview")).status).toBe(202);
    await reconcile("pr-1");
    expect((await ask("DELETE", "pr-1", "preview")).status).toBe(202);
    const events = await fakes.deps.journal.events.page({ key: keyOf("pr-1"), after: 0, limit: 99 });
    const kinds = events.map(({ kind }) => kind).filter((kind) => kind.startsWith("preview"));
    expect(kinds).toEqual(["preview.created", "preview.removed", "preview.ended"]);
  });
});
