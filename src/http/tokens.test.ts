import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "../base/digest.ts";
import { auditPage } from "../contract/audit.ts";
import { statusView } from "../contract/environments.ts";
import { problem } from "../contract/problem.ts";
import { releasePage } from "../contract/releases.ts";
import { createdTokenView, tokenList } from "../contract/tokens.ts";
import { variableDiff, variablesView } from "../contract/variables.ts";
import { wallClock } from "../testing/clock.ts";
import { createApi } from "./api.ts";
import { type Asking, apiOnFakes } from "./test-api.ts";

const own = "correct-horse-battery-staple";
const dayMs = 86_400_000;
const base = "/v1/apps/shop/environments/production";
const key = { app: "shop", environment: "production" };

const fakes = apiOnFakes();
/** What the API wrote into its log. */
let logged: object[];
let now: number;

beforeEach(() => {
  now = Date.now();
  logged = [];
  fakes.deps.clock = { ...wallClock, now: () => now };
  fakes.deps.tokenDigest = sha256(own);
  const write = (what: object) => void logged.push(what);
  fakes.api = createApi({ ...fakes.deps, log: { debug: write, info: write, error: write } });
});

interface ByToken extends Omit<Asking, "from"> {
  /** A token; without one over the socket. */
  readonly as?: string | undefined;
}

function ask(method: string, path: string, { as, headers, ...asking }: ByToken = {}) {
  const known = { host: "localhost", ...headers };
  if (as === undefined) return fakes.ask(method, path, { ...asking, headers: known });
  const from = { via: "tcp", address: "192.0.2.7" } as const;
  return fakes.ask(method, path, { ...asking, headers: { authorization: `Bearer ${as}`, ...known }, from });
}

async function create(name: string, request: { expiresInMs?: number } = {}): Promise<string> {
  const { status, json } = await ask("PUT", `/v1/tokens/${name}`, { body: request });
  expect([status, json]).toEqual([201, expect.anything()]);
  return createdTokenView.parse(json).text;
}

async function refusal(method: string, path: string, asking: ByToken = {}) {
  const { json } = await ask(method, path, asking);
  const { status, code, detail } = problem.parse(json);
  return { status, code, detail };
}

describe("a token with a name", () => {
  test("opens the API over TCP until it is revoked, and nobody finds its text again", async () => {
    const text = await create("ci");
    expect(text).toMatch(/^flt_ci_[\w-]{43}$/);
    expect((await ask("GET", "/v1/info", { as: text })).status).toBe(200);
    expect((await ask("DELETE", "/v1/tokens/ci")).status).toBe(204);
    expect(await refusal("GET", "/v1/info", { as: text })).toMatchObject({
      status: 401,
      code: "access.unauthenticated",
    });
    const files = ["journal.db", "journal.db-wal"].map((file) => readFileSync(join(fakes.directory, file), "latin1"));
    for (const place of [...files, JSON.stringify(logged)]) expect(place.includes(text.slice(-43))).toBe(false);
    expect(files.join("")).toContain(sha256(text));
  });

  test("is another one for every name, and only with all of its text", async () => {
    const [ci, alice] = [await create("ci"), await create("alice")];
    const [tail, other] = [ci.slice(-43), alice.slice(-43)];
    expect(tail).not.toBe(other);
    const forged = [
      `flt_ci_${other}`,
      `flt_alice_${tail}`,
      `flt_eve_${tail}`,
      ci.slice(0, -1),
      `${ci}x`,
      tail,
      "flt_ci_",
    ];
    for (const text of [...forged, sha256(ci)]) {
      expect([text, (await ask("GET", "/v1/info", { as: text })).status]).toEqual([text, 401]);
    }
  });

  test("is no longer good when its time is over, and says so to whoever has it", async () => {
    const text = await create("ci", { expiresInMs: 90 * dayMs });
    now += 90 * dayMs - 1;
    expect((await ask("GET", "/v1/info", { as: text })).status).toBe(200);
    now += 1;
    const refused = await refusal("GET", "/v1/info", { as: text });
    expect(refused).toEqual({ status: 401, code: "access.unauthenticated", detail: "the token ci has expired" });
    expect((await fakes.api.request("/healthz", { headers: { authorization: `Bearer ${text}` } })).status).toBe(200);
  });

  test("is made and revoked over the socket alone", async () => {
    const text = await create("ci");
    for (const as of [text, own]) {
      const denied = { status: 403, code: "access.denied" };
      expect(await refusal("PUT", "/v1/tokens/mine", { as, body: {} })).toMatchObject(denied);
      expect(await refusal("DELETE", "/v1/tokens/ci", { as })).toMatchObject(denied);
    }
    const { json } = await ask("GET", "/v1/tokens", { as: text });
    expect(tokenList.parse(json).items.map(({ name }) => name)).toEqual(["ci"]);
  });

  test("is listed with who made it and when, its end and its last use to the minute", async () => {
    const begin = now;
    const text = await create("ci", { expiresInMs: dayMs });
    const seen = async () => {
      const { json } = await ask("GET", "/v1/tokens");
      expect(JSON.stringify(json)).not.toContain(text.slice(-43));
      return tokenList.parse(json).items[0];
    };
    const at = (ms: number) => new Date(begin + ms).toISOString();
    const made = { name: "ci", createdAt: at(0), createdBy: "local", expiresAt: at(dayMs) };
    expect(await seen()).toEqual({ ...made, usedAt: null });
    for (const passed of [1_000, 59_000, 61_001]) {
      now = begin + passed;
      await ask("GET", "/v1/info", { as: text });
      expect(await seen()).toEqual({ ...made, usedAt: passed < 61_000 ? at(1_000) : at(passed) });
    }
  });

  test.each([
    ["PUT", "local", {}, 409, "token.name-taken"],
    ["PUT", "token", {}, 409, "token.name-taken"],
    ["PUT", "ci", {}, 409, "token.name-taken"],
    ["PUT", "Ada", {}, 400, "request.invalid"],
    ["PUT", "a".repeat(41), {}, 400, "request.invalid"],
    ["PUT", "ada", { expiresInMs: 1 }, 400, "request.invalid"],
    ["PUT", "ada", { expiresInMs: 3_651 * dayMs }, 400, "request.invalid"],
    ["PUT", "ada", { digest: "x" }, 400, "request.invalid"],
    ["DELETE", "eve", undefined, 404, "token.unknown"],
  ])("%s %s %o is refused", async (method, name, body, status, code) => {
    const ci = await create("ci");
    expect(await refusal(method, `/v1/tokens/${name}`, { body })).toMatchObject({ status, code });
    expect((await ask("GET", "/v1/info", { as: ci })).status).toBe(200);
  });

  test("is in no answer that is kept for an Idempotency-Key", async () => {
    const headers = { "idempotency-key": "once" };
    const { json } = await ask("PUT", "/v1/tokens/ci", { body: {}, headers });
    expect(await fakes.deps.journal.claims.claim("once", "another request", now)).toBeNull();
    expect(createdTokenView.parse(json).token.name).toBe("ci");
  });
});

const shop = "version: 1\napp: shop\nservices: { web: { run: node web.js, http: {} } }\n";
const guarded = (who: string) =>
  `${shop}environments: { production: { protected: { confirm: false, who: ${who} } } }\n`;

const orderOf = (text: string) => ({ kind: "deploy", source: fakes.put(text) });

async function live(text: string, as?: string) {
  const { status, json } = await ask("POST", `${base}/deployments`, { body: orderOf(text), as });
  expect([status, json]).toEqual([202, expect.anything()]);
  await fakes.finish(json.deployment.id);
}

describe("who may change a protected environment", () => {
  test("are those that it names, and nobody else: neither the other way in nor another token", async () => {
    const [ci, alice] = [await create("ci"), await create("alice")];
    await live(guarded("[local, ci]"));
    await live(guarded("[local, ci]"), ci);
    const changes: readonly [string, string, unknown?][] = [
      ["POST", "deployments", orderOf(guarded("[local, ci]"))],
      ["POST", "deployments", { kind: "rollback" }],
      ["POST", "deployments", { kind: "restart" }],
      ["POST", "deployments", { ...orderOf(guarded("[local, ci]")), kind: "stage" }],
      ["PATCH", "variables", { set: { LEVEL: "b" } }],
      // What is only judged is judged with the values: by the answers they could be guessed, letter by letter.
      ["PATCH", "variables", { set: { LEVEL: "b" }, dryRun: true }],
      ["POST", "plan", { source: orderOf(guarded("[local, ci]")).source }],
      ["POST", "variables/reveal"],
      ["PATCH", "scale", { web: 0 }],
      ["PUT", "maintenance", {}],
      ["POST", "tasks", { command: ["true"] }],
      ["POST", "stop"],
    ];
    const before = await fakes.deps.journal.events.lastId();
    for (const [method, path, body] of changes) {
      for (const [name, as] of [
        ["alice", alice],
        ["token", own],
      ] as const) {
        const refused = await refusal(method, `${base}/${path}`, { body, as });
        const detail = `shop/production is changed only by local, ci, and this is ${name}`;
        expect([path, refused]).toEqual([path, { status: 403, code: "protected.not-allowed", detail }]);
      }
    }
    const promote = { kind: "promote", from: "nowhere" };
    expect(await refusal("POST", `${base}/deployments`, { body: promote, as: alice })).toMatchObject({ status: 403 });
    expect(await fakes.deps.journal.events.lastId()).toBe(before);
    expect(statusView.parse((await ask("GET", `${base}/status`, { as: alice })).json).protected).toEqual({
      confirm: false,
      branches: null,
      who: ["local", "ci"],
    });
    for (const [method, path, body] of changes) {
      expect((await ask(method, `${base}/${path}`, { body, as: ci })).status, path).toBeLessThan(300);
    }
  });

  test("may alone compare its values with those of another environment, and nobody can do it by digests", async () => {
    const [ci, alice] = [await create("ci"), await create("alice")];
    await live(guarded("[ci]"), ci);
    const staging = base.replace("production", "staging");
    for (const [path, as] of [
      [base, ci],
      [staging, alice],
    ] as const) {
      await ask("PATCH", `${path}/variables`, { body: { set: { PIN: "1234" }, stage: true }, as });
    }
    const digestIn = async (path: string) =>
      variablesView.parse((await ask("GET", `${path}/variables`, { as: alice })).json).variables.PIN?.digest;
    expect(await digestIn(base)).toMatch(/^[0-9a-f]{8}$/);
    expect(await digestIn(staging)).not.toBe(await digestIn(base));
    for (const path of [`${base}/diff/staging`, `${staging}/diff/production`]) {
      const refused = { status: 403, code: "protected.not-allowed" };
      expect(await refusal("GET", path, { as: alice })).toMatchObject(refused);
      const { variables } = variableDiff.parse((await ask("GET", path, { as: ci })).json);
      expect(variables).toContainEqual({ name: "PIN", service: null, state: "same" });
    }
  });

  test("may alone call off a deployment, and see what a command wrote", async () => {
    const [ci, alice] = [await create("ci"), await create("alice")];
    await live(guarded("[ci]"), ci);
    const { json: begun } = await ask("POST", `${base}/tasks`, { body: { command: ["env"] }, as: ci });
    const { json } = await ask("POST", `${base}/deployments`, { body: { kind: "restart" }, as: ci });
    const mine: readonly [string, string][] = [
      ["GET", `${base}/tasks/${begun.task.name}/output?stream=stdout`],
      ["DELETE", `${base}/tasks/${begun.task.name}`],
      ["POST", `/v1/deployments/${json.deployment.id}/cancel`],
    ];
    for (const [method, path] of mine) {
      expect(await refusal(method, path, { as: alice })).toMatchObject({ code: "protected.not-allowed" });
    }
    expect((await ask("POST", `/v1/deployments/${json.deployment.id}/cancel`, { as: ci })).status).toBe(202);
  });

  test("are said by what was live last and by what shall be, so that nobody locks themselves out", async () => {
    const [ci, alice] = [await create("ci"), await create("alice")];
    const deploy = (text: string, as: string) => refusal("POST", `${base}/deployments`, { body: orderOf(text), as });
    expect(await deploy(guarded("[ci]"), alice)).toMatchObject({ code: "protected.not-allowed" });
    expect(await fakes.deps.journal.environments.find(key)).toBeNull();
    await live(guarded("[ci]"), ci);
    expect(await deploy(shop, alice)).toMatchObject({ code: "protected.not-allowed" });
    expect(await deploy(guarded("[alice]"), alice)).toMatchObject({ code: "protected.not-allowed" });
    expect(await deploy(guarded("[alice]"), ci)).toMatchObject({ code: "protected.not-allowed" });
    await live(guarded("[ci, alice]"), ci);
    await live(guarded("[alice]"), alice);
    expect(await deploy(guarded("[alice]"), ci)).toMatchObject({ code: "protected.not-allowed" });
    await live(shop, alice);
    await live(shop, ci);
  });

  test("are named by releases, events and the audit, with where they came from", async () => {
    const ci = await create("ci");
    await live(shop, ci);
    await ask("POST", `${base}/stop`, { as: ci });
    const { items } = releasePage.parse((await ask("GET", `${base}/releases`)).json);
    expect(items.map(({ createdBy }) => createdBy)).toEqual(["ci"]);
    const events = await fakes.deps.journal.events.page({ key, after: 0, limit: 99 });
    expect(events.map(({ detail }) => detail)).toContain("stopped by ci");
    await ask("DELETE", "/v1/tokens/ci");
    const audit = auditPage.parse((await ask("GET", "/v1/audit")).json).items;
    expect(audit.map(({ by, via, from, action, names }) => [by, via, from, action, ...names])).toEqual([
      ["local", "socket", null, "tokens.revoke", "ci"],
      ["ci", "token", "192.0.2.7", "down"],
      ["ci", "token", "192.0.2.7", "deploy", expect.anything()],
      ["local", "socket", null, "tokens.create", "ci"],
    ]);
  });
});
