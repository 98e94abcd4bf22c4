import { expect, test } from "vitest";
import { Fault } from "../base/faults.ts";
import { deploymentAnswer } from "../contract/deployments.ts";
import { planAnswer } from "../contract/plan.ts";
import { problem } from "../contract/problem.ts";
import { releaseDetail } from "../contract/releases.ts";
import { apiOnFakes } from "./test-api.ts";

const base = "/v1/apps/shop/environments/production";
const good = `version: 1
app: shop
env:
  DJANGO_DEBUG: "False"
  ALLOWED_HOSTS: shop.example.com
services:
  web: { run: gunicorn shop.wsgi, http: {} }
`;
const bad = good.replace('"False"', '"True"').replace("shop.example.com", '"*"');

const fakes = apiOnFakes();

const ask = (method: string, path: string, body?: unknown) => fakes.ask(method, `${base}${path}`, { body });
const deploy = (manifest: string, more: object = {}) =>
  ask("POST", "/deployments", { kind: "deploy", source: fakes.put(manifest), ...more });
const allow = (...rules: readonly string[]) => ({ allow: { rules, because: "looking into #12 for an hour" } });

test("a deployment with errors is refused with all of them at once, and nothing is written down", async () => {
  const { status, json } = await deploy(bad);
  const { code, errors } = problem.parse(json);
  expect([status, code]).toEqual([422, "check.failed"]);
  expect((errors ?? []).map(({ path, message }) => `${path} ${message}`)).toEqual([
    expect.stringMatching(/^env\.DJANGO_DEBUG switches .* \[debug-on\]$/),
    expect.stringMatching(/^env\.ALLOWED_HOSTS allows every host .* \[allowed-hosts\]$/),
  ]);
  expect((await ask("GET", "/deployments")).status).toBe(404);
});

test("the plan tells of errors and warnings, and refuses nothing", async () => {
  const { warnings } = planAnswer.parse((await ask("POST", "/plan", { source: fakes.put(bad) })).json);
  expect(warnings.join("\n")).toMatch(/\[debug-on\]: a deployment is refused/);
  expect(warnings.join("\n")).toMatch(/services\.web\.http has no readiness probe \[no-probe\]$/m);
});

test("an error that somebody lets pass is kept with the release: rules, reason and who it was", async () => {
  expect((await deploy(bad, allow("debug-on"))).status).toBe(422);
  const { json } = await deploy(bad, allow("debug-on", "allowed-hosts", "no-probe"));
  expect(deploymentAnswer.parse(json).deployment.release).toBe("v1");
  const { release } = releaseDetail.parse((await ask("GET", "/releases/v1")).json);
  const because = "looking into #12 for an hour";
  expect(release.allowed).toEqual([
    { rule: "allowed-hosts", by: "local", because },
    { rule: "debug-on", by: "local", because },
    { rule: "no-probe", by: "local", because },
  ]);
  const [account] = await fakes.deps.journal.audit.page({ limit: 1 });
  const detail = `allowed allowed-hosts, debug-on, no-probe: ${because}`;
  expect(account).toMatchObject({ action: "deploy", names: ["v1"], detail });
});

test("a rule that does not exist, or no reason, is a wrong request", async () => {
  const unknown = await deploy(good, allow("debug"));
  expect([unknown.status, problem.parse(unknown.json).detail]).toEqual([400, expect.stringContaining("no rule debug")]);
  expect((await deploy(good, { allow: { rules: ["debug-on"], because: " " } })).status).toBe(400);
});

test("a value that is set is judged like one of the manifest, and is not shown", async () => {
  const { json } = await deploy(good);
  await fakes.deps.engine.finish(deploymentAnswer.parse(json).deployment.id, "live");
  const refused = await ask("PATCH", "/variables", { set: { JWT_SECRET: "canary-short" } });
  expect([refused.status, problem.parse(refused.json).code]).toEqual([422, "check.failed"]);
  expect(JSON.stringify(refused.json)).not.toContain("canary");
  expect(
    (await ask("PATCH", "/variables", { set: { JWT_SECRET: "canary-long-and-quite-random-0123456789" } })).status,
  ).toBe(200);
});

test("what was let pass of the code is let pass of its configuration too", async () => {
  const { json } = await deploy(bad, allow("debug-on", "allowed-hosts"));
  await fakes.deps.engine.finish(deploymentAnswer.parse(json).deployment.id, "live");
  expect((await ask("PATCH", "/variables", { set: { NOTE: "x" } })).status).toBe(200);
  expect((await ask("PATCH", "/variables", { set: { APP_ENV: "development" } })).status).toBe(422);
});

test("the status of an environment says which files of the state directory were taken away, and nothing else", async () => {
  await deploy(good, allow("no-probe"));
  const loss = async () => (await ask("GET", "/status")).json.stateLoss;
  expect(await loss()).toBeNull();
  fakes.deps.intact = () => {
    throw new Fault("journal.lost", "in /state journal.db is missing");
  };
  expect(await loss()).toBe("in /state journal.db is missing");
  fakes.deps.intact = () => {
    throw new TypeError("a mistake");
  };
  expect((await ask("GET", "/status")).status).toBe(500);
});
