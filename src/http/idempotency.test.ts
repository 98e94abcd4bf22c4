import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openJournal } from "../adapters/journal/sqlite/open.ts";
import { openLogs } from "../adapters/logs/sqlite/open.ts";
import { sha256 } from "../base/digest.ts";
import { problem } from "../contract/problem.ts";
import { wallClock } from "../testing/clock.ts";
import { fakeDeps } from "../testing/fakes.ts";
import { createApi } from "./api.ts";

const app = "/v1/apps/shop/environments";
const keyOf = (environment: string) => ({ app: "shop", environment });
const manifest = `version: 1
app: shop
env:
  LEVEL: { default: INFO }
  SESSION: { generate: hex32 }
services:
  web: { run: node web.js, http: {} }
environments:
  staging: {}
`;
const source = sha256(manifest);

let directory: string;
let deps: ReturnType<typeof fakeDeps>;
let api: ReturnType<typeof createApi>;
/** What the controller before this one had beside its journal. */
let world: Pick<typeof deps, "vault" | "builder"> | null;

async function controllerStarts(): Promise<void> {
  const journal = await openJournal(join(directory, "journal.db"), wallClock);
  deps = { ...fakeDeps({ journal, logs: await openLogs(join(directory, "logs.db"), wallClock) }), ...world };
  world = { vault: deps.vault, builder: deps.builder };
  deps.builder.sources.set(source, new Map([["fairlead.yml", manifest]]));
  api = createApi(deps);
}

async function controllerEnds(): Promise<void> {
  await deps.journal.close();
  await deps.logs.close();
}

interface Asked {
  readonly body?: unknown;
  readonly key?: string;
  readonly ifMatch?: string;
}

async function ask(method: string, path: string, { body, key, ifMatch }: Asked = {}) {
  const headers = {
    "content-type": "application/json",
    ...(key !== undefined && { "idempotency-key": key }),
    ...(ifMatch !== undefined && { "if-match": ifMatch }),
  };
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await api.request(path, { method, headers, ...json }, { via: "socket" });
  return { status: response.status, etag: response.headers.get("etag"), json: await response.json() };
}

/** Has the manifest live, as the next release. */
async function live(environment: string): Promise<void> {
  const { json } = await ask("POST", `${app}/${environment}/deployments`, { body: { kind: "deploy", source } });
  await deps.engine.finish(json.deployment.id, "live");
  const release = await deps.journal.releases.find(keyOf(environment), Number(json.deployment.release.slice(1)));
  for (const { digest } of release?.artifacts ?? []) deps.builder.states.set(digest, { state: "built" });
}

/** All that changes of it could be seen by. */
async function state() {
  const environments = await deps.journal.environments.all();
  return Promise.all(
    environments.map(async ({ key, revision, variables }) => {
      const deployments = await deps.journal.deployments.page(key, { limit: 99 });
      return [
        key.environment,
        revision,
        variables,
        deployments.map(({ id, cancelRequested }) => [id, cancelRequested]),
      ];
    }),
  );
}

/** Asks for something of a controller that dies when all is recorded but the answer. */
async function askInVain(method: string, path: string, asked: Asked): Promise<void> {
  const died = new Promise<never>((_resolve, reject) => {
    deps.journal.claims.answer = async () => {
      reject(new TypeError("killed"));
      return new Promise(() => undefined);
    };
  });
  await expect(Promise.race([ask(method, path, asked), died])).rejects.toThrow("killed");
  await controllerEnds();
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fairlead-once-"));
  world = null;
  await controllerStarts();
});

afterEach(async () => {
  await controllerEnds();
  await rm(directory, { recursive: true });
});

describe("a controller that dies between a change and its answer leaves the change once, and a successor that answers", () => {
  test.each([
    ["deploy", "POST", "production/deployments", { kind: "deploy", source, message: "again" }],
    ["stage", "POST", "production/deployments", { kind: "stage", source }],
    ["rollback", "POST", "production/deployments", { kind: "rollback" }],
    ["restart", "POST", "production/deployments", { kind: "restart" }],
    ["promote", "POST", "production/deployments", { kind: "promote", from: "staging" }],
    ["preview", "POST", "pr-1/preview", { source, from: "staging" }],
    ["env set", "PATCH", "production/variables", { set: { LEVEL: "DEBUG", NEW: "canary" } }],
    ["env set --stage", "PATCH", "production/variables", { set: { LEVEL: "DEBUG" }, stage: true }],
    ["env import --prune", "PATCH", "production/variables", { set: { LEVEL: "DEBUG" }, prune: true }],
    ["env unset", "PATCH", "production/variables", { set: { EXTRA: null } }],
    ["env rotate", "PATCH", "production/variables", { set: {}, rotate: { SESSION: null } }],
  ])("%s", async (_words, method, path, body) => {
    await ask("PATCH", `${app}/production/variables`, { body: { set: { EXTRA: "1" } } });
    for (const environment of ["production", "production", "staging"]) await live(environment);
    const before = await state();
    await askInVain(method, `${app}/${path}`, { body, key: "k1" });
    await controllerStarts();
    const done = await state();
    expect(done).not.toEqual(before);
    const again = await ask(method, `${app}/${path}`, { body, key: "k1" });
    expect([again.status, again.json.code]).toEqual([method === "PATCH" ? 200 : 202, undefined]);
    const [newest] = await deps.journal.deployments.page(keyOf(path.split("/")[0] ?? ""), { limit: 1 });
    const isStaged = "stage" in body;
    expect(again.json.deployment?.id ?? null).toBe(isStaged ? null : newest?.id);
    if (method === "PATCH") expect(JSON.stringify(again.json.changes)).toMatch(/added|changed|forgotten/);
    expect(await state()).toEqual(done);
    expect(await ask(method, `${app}/${path}`, { body, key: "k1" })).toEqual({ ...again, etag: null });
    const other = await ask(method, `${app}/${path}`, { body: { ...body, dryRun: true }, key: "k1" });
    expect([422, 400]).toContain(other.status);
  });

  test("scale, of the revision that was read", async () => {
    await live("production");
    const { etag } = await ask("GET", `${app}/production/scale`);
    const asked = { body: { web: 2 }, key: "k1", ifMatch: etag ?? "" };
    await askInVain("PATCH", `${app}/production/scale`, asked);
    await controllerStarts();
    const done = await state();
    const again = await ask("PATCH", `${app}/production/scale`, asked);
    expect([again.status, again.json.services.web?.replicas]).toEqual([200, 2]);
    expect(await state()).toEqual(done);
  });

  test("cancel", async () => {
    const { json } = await ask("POST", `${app}/production/deployments`, { body: { kind: "deploy", source } });
    const path = `/v1/deployments/${json.deployment.id}/cancel`;
    await askInVain("POST", path, { key: "k1" });
    await controllerStarts();
    await deps.engine.finish(json.deployment.id, "cancelled");
    const again = await ask("POST", path, { key: "k1" });
    expect([again.status, again.json.deployment.status]).toEqual([202, "cancelled"]);
  });
});

test("a document that is changed with a key has its ETag, and none where its answer is only repeated", async () => {
  await live("production");
  for (const [document, body] of [
    ["variables", { set: { LEVEL: "DEBUG" } }],
    ["scale", { web: 2 }],
  ] as const) {
    const path = `${app}/production/${document}`;
    const { etag } = await ask("PATCH", path, { body, key: document });
    expect(etag).toMatch(/^"\d+"$/);
    expect(etag).toBe((await ask("GET", path)).etag);
    expect((await ask("PATCH", path, { body, key: document })).etag).toBe(null);
  }
});

test("what failed before its change was written down can be asked for again", async () => {
  const { commit } = deps.journal;
  deps.journal.commit = () => Promise.reject(new TypeError("killed"));
  const body = { kind: "deploy", source };
  expect((await ask("POST", `${app}/production/deployments`, { body, key: "k1" })).status).toBe(500);
  deps.journal.commit = commit;
  expect((await ask("POST", `${app}/production/deployments`, { body, key: "k1" })).status).toBe(202);
  expect(await deps.journal.releases.lastNumber(keyOf("production"))).toBe(1);
});

test("a request that holds values is known by a digest that nobody can try out", async () => {
  await ask("PATCH", `${app}/production/variables`, { body: { set: { PIN: "1234" } }, key: "k1" });
  const known = await deps.journal.claims.claim("k1", "another request", deps.clock.now());
  expect(known?.requestDigest).toMatch(/^[0-9a-f]{8}$/);
  const other = await ask("PATCH", `${app}/production/variables`, { body: { set: { PIN: "4321" } }, key: "k1" });
  expect(problem.parse(other.json).code).toBe("idempotency.mismatch");
});
