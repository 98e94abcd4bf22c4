import { describe, expect, test } from "vitest";
import { statusView } from "../contract/environments.ts";
import { problem } from "../contract/problem.ts";
import { releasePage } from "../contract/releases.ts";
import { noVolumes } from "../testing/fakes.ts";
import { type Asking, apiOnFakes } from "./test-api.ts";

const app = "version: 1\napp: shop\nenv: { LEVEL: INFO }\nservices: { web: { run: node web.js, http: {} } }\n";
const open = `${app}environments: { production: {}, staging: {} }\n`;
const guarded = `${app}environments: { production: { protected: { branches: [main] } }, staging: {} }\n`;
const onlyMain = `${app}environments: { production: { protected: { confirm: false, branches: [main] } } }\n`;

const fakes = apiOnFakes();

interface Confirmed extends Asking {
  readonly confirm?: string;
  readonly environment?: string;
}

function ask(method: string, path: string, { confirm, environment = "production", ...asking }: Confirmed = {}) {
  const headers = { ...(confirm !== undefined && { "fairlead-confirm": confirm }), ...asking.headers };
  return fakes.ask(method, `/v1/apps/shop/environments/${environment}${path && `/${path}`}`, { ...asking, headers });
}

function orderOf(text: string, branch?: string) {
  return { kind: "deploy", source: fakes.put(text), ...(branch !== undefined && { branch }) };
}

async function live(text: string, { branch, ...how }: { branch?: string } & Confirmed = {}) {
  const { status, json } = await ask("POST", "deployments", { body: orderOf(text, branch), ...how });
  expect([status, json]).toEqual([202, expect.anything()]);
  await fakes.finish(json.deployment.id);
}

const codeOf = ({ json }: { json: unknown }) => problem.parse(json).code;
const main = { branch: "main", confirm: "production" } as const;

describe("a protected environment", () => {
  test("is not changed by anybody who does not give its name", async () => {
    await live(guarded, main);
    await live(guarded, main);
    await ask("PATCH", "variables", { body: { set: { LEVEL: "a" } }, confirm: "production" });
    const before = await fakes.deps.journal.events.lastId();
    const changes: readonly [string, string, unknown?][] = [
      ["POST", "deployments", orderOf(guarded, "main")],
      ["POST", "deployments", { kind: "rollback" }],
      ["POST", "deployments", { kind: "restart" }],
      ["PATCH", "variables", { set: { LEVEL: "b" } }],
      ["PATCH", "scale", { web: 0 }],
      ["PUT", "maintenance", {}],
      ["POST", "stop"],
      ["DELETE", ""],
    ];
    for (const [method, path, body] of changes) {
      for (const confirm of [undefined, "shop", "staging"]) {
        const answer = await ask(method, path, { body, ...(confirm && { confirm }) });
        const { status, code, confirm: wanted, hint } = problem.parse(answer.json);
        expect([path, status, code, wanted]).toEqual([path, 409, "confirm.needed", "production"]);
        expect(hint).toContain("--confirm production");
      }
    }
    expect(await fakes.deps.journal.events.lastId()).toBe(before);
    for (const [method, path, body] of changes) {
      expect((await ask(method, path, { body, confirm: "production" })).status, path).toBeLessThan(300);
    }
  });

  test("can be read, a change of values judged, and code staged, without a word", async () => {
    await live(guarded, main);
    const { json } = await ask("GET", "status");
    expect(statusView.parse(json).protected).toEqual({ confirm: true, branches: ["main"], who: null });
    expect((await ask("POST", "plan", { body: { source: orderOf(guarded).source } })).status).toBe(200);
    const judged = await ask("PATCH", "variables", { body: { set: { LEVEL: "b" }, dryRun: true } });
    expect(judged.status).toBe(200);
    const staging = await ask("POST", "deployments", { body: { ...orderOf(guarded, "main"), kind: "stage" } });
    expect(staging.status).toBe(202);
  });

  test("takes only code of its branches, whose name the release keeps", async () => {
    await live(guarded, main);
    for (const branch of ["feature/cart", "mainly", undefined]) {
      const answer = await ask("POST", "deployments", { body: orderOf(guarded, branch), confirm: "production" });
      const { status, code, detail, hint } = problem.parse(answer.json);
      expect([status, code]).toEqual([403, "branch.not-allowed"]);
      expect(detail).toContain("takes only main");
      expect(detail).toContain(branch ?? "no known branch");
      expect(hint).toContain(branch === undefined ? "deploy --branch" : "Deploy from a branch");
      const staging = await ask("POST", "deployments", { body: { ...orderOf(guarded, branch), kind: "stage" } });
      expect(problem.parse(staging.json)).toMatchObject({ status: 403, code: "branch.not-allowed", detail });
    }
    await ask("PATCH", "variables", { body: { set: { LEVEL: "b" } }, confirm: "production" });
    const { items } = releasePage.parse((await ask("GET", "releases")).json);
    expect(items.map(({ branch }) => branch)).toEqual(["main", "main"]);
  });

  test("takes what was built of its branches elsewhere, and nothing else", async () => {
    await live(guarded, { environment: "staging", branch: "feature/cart" });
    await live(guarded, main);
    const promote = () =>
      ask("POST", "deployments", { body: { kind: "promote", from: "staging" }, confirm: "production" });
    const [staged] = await fakes.deps.journal.releases.page({ app: "shop", environment: "staging" }, { limit: 1 });
    for (const { digest } of staged?.artifacts ?? []) fakes.deps.builder.states.set(digest, { state: "built" });
    expect(codeOf(await promote())).toBe("branch.not-allowed");
    await live(guarded, { environment: "staging", branch: "main" });
    expect((await promote()).status).toBe(202);
  });

  test("stays so until a release without it was let in, and is live", async () => {
    await live(guarded, main);
    const drop = (how: Confirmed) => ask("POST", "deployments", { body: orderOf(open, "main"), ...how });
    expect(codeOf(await drop({}))).toBe("confirm.needed");
    const elsewhere = await ask("POST", "deployments", { body: orderOf(open, "feature"), confirm: "production" });
    expect(codeOf(elsewhere)).toBe("branch.not-allowed");
    const { json } = await drop({ confirm: "production" });
    await fakes.deps.engine.finish(json.deployment.id, "failed");
    expect(codeOf(await ask("POST", "stop"))).toBe("confirm.needed");
    await live(open, main);
    expect((await ask("POST", "stop")).status).toBe(202);
  });

  test("stays so while it is stopped", async () => {
    await live(guarded, main);
    await ask("POST", "stop", { confirm: "production" });
    expect(codeOf(await ask("POST", "deployments", { body: orderOf(open, "main") }))).toBe("confirm.needed");
  });

  test("is so from its first release on: that has to be let in already", async () => {
    expect(codeOf(await ask("POST", "deployments", { body: orderOf(guarded, "main") }))).toBe("confirm.needed");
    const other = await ask("POST", "deployments", { body: orderOf(guarded, "feature"), confirm: "production" });
    expect(codeOf(other)).toBe("branch.not-allowed");
    expect(await fakes.deps.journal.environments.find({ app: "shop", environment: "production" })).toBeNull();
  });

  test("is destroyed only by who gives its name, as is any other, and then takes nothing until it is forgotten", async () => {
    await live(open, { environment: "staging" });
    const drop = (confirm?: string) => ask("DELETE", "", { environment: "staging", ...(confirm && { confirm }) });
    expect([codeOf(await drop()), codeOf(await drop("shop"))]).toEqual(["confirm.needed", "confirm.needed"]);
    const key = { app: "shop", environment: "staging" };
    fakes.deps.runtime.volumes = { ...noVolumes, list: async () => [{ key, name: "uploads" }] };
    const kept = await drop("staging");
    expect([codeOf(kept), problem.parse(kept.json).detail]).toEqual([
      "environment.data",
      "shop/staging has the volume uploads: its data would be lost",
    ]);
    fakes.deps.runtime.volumes = noVolumes;
    expect((await fakes.deps.journal.environments.find(key))?.preview).toBeNull();
    for (let times = 0; times < 2; times += 1) {
      const { status, json } = await drop("staging");
      expect([status, statusView.parse(json).preview?.from]).toEqual([202, null]);
    }
    const again = await ask("POST", "deployments", { body: orderOf(open), environment: "staging" });
    expect(codeOf(again)).toBe("environment.destroyed");
    const preview = await ask("POST", "preview", { body: { source: fakes.put(open) }, environment: "staging" });
    expect(codeOf(preview)).toBe("preview.name-taken");
    expect(codeOf(await ask("DELETE", "preview", { environment: "staging" }))).toBe("preview.unknown");
    expect(codeOf(await ask("DELETE", "", { environment: "stagng", confirm: "stagng" }))).toBe("app.unknown");
    const entries = await fakes.deps.journal.audit.page({ limit: 9 });
    expect(entries.map(({ action }) => action)).toEqual(["destroy", "deploy"]);
  });

  test("may want branches alone, and leaves other environments as they are", async () => {
    await live(onlyMain, { branch: "main" });
    expect(codeOf(await ask("POST", "deployments", { body: orderOf(onlyMain, "feature") }))).toBe("branch.not-allowed");
    await live(onlyMain, { environment: "staging", branch: "feature" });
    expect((await ask("POST", "stop")).status).toBe(202);
  });

  test("answers the same request when it is confirmed, also under the same Idempotency-Key", async () => {
    const request = { body: orderOf(guarded, "main"), headers: { "idempotency-key": "once" } };
    expect(codeOf(await ask("POST", "deployments", request))).toBe("confirm.needed");
    expect((await ask("POST", "deployments", { ...request, confirm: "production" })).status).toBe(202);
  });
});
