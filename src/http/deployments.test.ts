import { describe, expect, test } from "vitest";
import { sha256 } from "../base/digest.ts";
import { deploymentAnswer, deploymentDetail, deploymentPage } from "../contract/deployments.ts";
import { planAnswer } from "../contract/plan.ts";
import { problem } from "../contract/problem.ts";
import { releaseDetail, releasePage } from "../contract/releases.ts";
import { apiOnFakes } from "./test-api.ts";

const key = { app: "shop", environment: "production" };
const base = "/v1/apps/shop/environments/production";

function manifest(more = "", env = "LOG_LEVEL: INFO"): string {
  return `version: 1\napp: shop\nenv:\n  ${env}\nservices:\n  web:\n    run: node web.js\n    http: {}\n  clock:\n    run: node clock.js\n    single: true\n${more}`;
}

/** A reference of the manifest to an output of service web. */
function reference(output: string): string {
  return `\${web.${output}}`;
}

const fakes = apiOnFakes();

const ask = (method: string, path: string, ...[body, headers = {}]: [unknown?, Record<string, string>?]) =>
  fakes.ask(method, path, { body, headers });
const source = (text: string) => fakes.put(text);

async function deploy(text: string) {
  const { json } = await ask("POST", `${base}/deployments`, { kind: "deploy", source: source(text) });
  return deploymentAnswer.parse(json).deployment;
}

async function live(text: string) {
  const deployment = await deploy(text);
  await fakes.finish(deployment.id);
  return deployment;
}

describe("deploy", () => {
  test("keeps a message as it is, and in the audit as one line in which nothing acts: its rows are what was done", async () => {
    const message = "fix\n2026-01-01 00:00:00  admin  reveal\r\n\u202eforged\x1b[2J\u2028row\u200b";
    await ask("POST", `${base}/deployments`, { kind: "deploy", source: source(manifest()), message });
    const told = "fix 2026-01-01 00:00:00 admin reveal forged[2J row";
    expect((await fakes.deps.journal.releases.find(key, 1))?.message).toBe(message);
    const audit = await fakes.deps.journal.audit.page({ limit: 10 });
    expect(audit.map(({ detail }) => detail)).toContain(told);
  });

  test.each([
    { kind: "deploy" },
    { kind: "stage" },
    { kind: "staged" },
    { kind: "promote", from: "staging" },
    { kind: "rollback" },
    { kind: "restart" },
  ] as const)("reads what it changes once: $kind", async (order) => {
    const both = `${manifest()}environments:\n  staging: {}\n`;
    for (const environment of ["production", "production", "staging"]) {
      const body = { kind: "deploy", source: source(both) };
      const { json } = await ask("POST", `/v1/apps/shop/environments/${environment}/deployments`, body);
      await fakes.finish(json.deployment.id);
    }
    const { journal } = fakes.deps;
    await journal.commit([{ kind: "staged", key, staged: 1 }]);
    const read: string[] = [];
    const { find } = journal.environments;
    journal.environments.find = (one) => {
      read.push(one.environment);
      return find(one);
    };
    const body = { ...order, ...((order.kind === "deploy" || order.kind === "stage") && { source: source(both) }) };
    expect((await ask("POST", `${base}/deployments`, body)).status).toBe(202);
    expect(read).toEqual(["production", ...(order.kind === "promote" ? ["staging"] : [])]);
  });

  test("is answered in JSON of which every character is seen", async () => {
    const body = { kind: "deploy", source: source("version: 1\n\u202eodd\u009b: 1\n") };
    const text = await (await fakes.request("POST", `${base}/deployments`, { body })).text();
    expect(text).not.toMatch(/[\u202e\u009b]/);
    expect(text).toContain("\\u202eodd");
  });

  test("writes down a release and a queued deployment together, and answers the deployment", async () => {
    const { status, json } = await ask("POST", `${base}/deployments`, {
      kind: "deploy",
      source: source(manifest()),
      message: "first",
    });
    expect(status).toBe(202);
    const { deployment } = deploymentAnswer.parse(json);
    expect(deployment).toMatchObject({
      status: "queued",
      phase: "queued",
      release: "v1",
      previous: null,
      createdBy: "local",
      fault: null,
    });
    const release = await fakes.deps.journal.releases.find(key, 1);
    expect(release?.message).toBe("first");
    expect(release?.services[0]?.env).toEqual({ LOG_LEVEL: "INFO", RELEASE: "v1", FAIRLEAD_ENVIRONMENT: "production" });
    expect((await fakes.deps.journal.events.page({ key, after: 0, limit: 10 })).map((event) => event.kind)).toEqual([
      "release.created",
      "deployment.queued",
    ]);
  });

  test("names an artifact by source, context and command alone", async () => {
    await deploy(manifest());
    await deploy(manifest());
    const [second, first] = await fakes.deps.journal.releases.page(key, { limit: 2 });
    expect(second?.artifacts).toEqual(first?.artifacts);
    expect(second?.number).toBe(2);
  });

  test("gives services the public address of each other", async () => {
    await deploy(manifest("", `ME: ${reference("url")}/x:${reference("host")}:${reference("port")}`));
    const release = await fakes.deps.journal.releases.find(key, 1);
    expect(release?.services[0]?.env.ME).toBe("http://web.shop.localhost:8080/x:127.0.0.1:8080");
  });

  test.each([
    ["source.missing", 409, () => sha256("nothing")],
    [
      "manifest.missing",
      422,
      () => {
        fakes.deps.builder.sources.set(sha256("empty"), new Map());
        return sha256("empty");
      },
    ],
    ["manifest.invalid", 422, () => source("app: shop\nservices: { web: { rn: x } }\n")],
    ["manifest.invalid", 422, () => source(manifest("", "KEY: { required: true }"))],
    ["request.invalid", 400, () => source(manifest().replace("app: shop", "app: other"))],
  ])("answers %s with %i and changes nothing", async (code, status, given) => {
    const answer = await ask("POST", `${base}/deployments`, { kind: "deploy", source: given() });
    const found = problem.parse(answer.json);
    expect([found.code, answer.status, found.status]).toEqual([code, status, status]);
    expect(found.hint).not.toBe("");
    expect(await fakes.deps.journal.environments.all()).toEqual([]);
  });

  test("says line and column of every complaint about the manifest", async () => {
    const answer = await ask("POST", `${base}/deployments`, {
      kind: "deploy",
      source: source("version: 1\napp: shop\nservices: { web: { rn: x } }\n"),
    });
    const { errors } = problem.parse(answer.json);
    expect(errors[0]).toMatchObject({ file: "fairlead.yml", line: 3 });
  });

  test("refuses what only images can do where instances are plain processes, each with its place", async () => {
    const image = `registry.example.com/web@sha256:${"0".repeat(64)}`;
    const text = `app: shop\nbuild: { image: "${image}" }\nservices:\n  web: { run: node web.js, http: {} }\n  api:\n    http: {}\n`;
    const answer = await ask("POST", `${base}/deployments`, { kind: "deploy", source: source(text) });
    expect(answer.status).toBe(422);
    expect(problem.parse(answer.json).errors).toEqual([
      {
        path: "build.image",
        message: expect.stringContaining("--runtime docker"),
        file: "fairlead.yml",
        line: 2,
        column: 17,
      },
      {
        path: "services.api.run",
        message: expect.stringContaining("is missing"),
        file: "fairlead.yml",
        line: 6,
        column: 5,
      },
    ]);
    expect(await fakes.deps.journal.environments.all()).toEqual([]);
    fakes.deps.builder.makes = "images";
    expect((await deploy(text)).release).toBe("v1");
  });

  test("takes the pages of the edge's own answers out of the source, and keeps them over a change of variables", async () => {
    const html = "<h1>back soon – 马上回来</h1>";
    const text = manifest().replace("http: {}", "http: { pages: { 503: errors/503.html } }");
    const body = { kind: "deploy", source: fakes.put(text, { "errors/503.html": html }) };
    const first = await ask("POST", `${base}/deployments`, body);
    await fakes.deps.engine.finish(deploymentAnswer.parse(first.json).deployment.id, "live");
    fakes.deps.builder.sources.clear();
    expect((await ask("PATCH", `${base}/variables`, { set: { LOG_LEVEL: "DEBUG" } })).status).toBe(200);
    for (const number of [1, 2]) {
      const release = await fakes.deps.journal.releases.find(key, number);
      expect(release?.services[0]?.http?.pages).toEqual({ 503: html });
    }
  });

  test("refuses pages that are not there, too large or no text, each with its place", async () => {
    const pages = "{ 502: missing.html, 503: large.html, 504: errors/504.html }";
    const text = manifest().replace("http: {}", `http:\n      pages: ${pages}`);
    const digest = fakes.put(text, { "large.html": "x".repeat(65_537), "errors/504.html": "fine" });
    const answer = await ask("POST", `${base}/deployments`, { kind: "deploy", source: digest });
    expect([answer.status, problem.parse(answer.json).code]).toEqual([422, "manifest.invalid"]);
    const place = { file: "fairlead.yml", line: 9 };
    expect(problem.parse(answer.json).errors).toMatchObject([
      { path: "services.web.http.pages.502", ...place, column: 21, message: expect.stringContaining("not a file") },
      { path: "services.web.http.pages.503", ...place, column: 40, message: expect.stringContaining("64 KB") },
    ]);
    expect(await fakes.deps.journal.environments.all()).toEqual([]);
  });

  test("refuses a host that another environment serves", async () => {
    await live(manifest());
    const text = manifest()
      .replace("app: shop", "app: copy")
      .replace("http: {}", "http: { hosts: [web.shop.localhost] }");
    const answer = await ask("POST", "/v1/apps/copy/environments/production/deployments", {
      kind: "deploy",
      source: source(text),
    });
    expect(problem.parse(answer.json).code).toBe("route.host-taken");
  });
});

describe("Idempotency-Key", () => {
  const headers = { "idempotency-key": "k1" };

  test("repeats the first answer and deploys once", async () => {
    const body = { kind: "deploy", source: source(manifest()) };
    const first = await ask("POST", `${base}/deployments`, body, headers);
    const second = await ask("POST", `${base}/deployments`, body, headers);
    expect(second.json).toEqual(first.json);
    expect(second.status).toBe(202);
    expect(await fakes.deps.journal.releases.lastNumber(key)).toBe(1);
  });

  test("refuses the key for a different body with 422", async () => {
    await ask("POST", `${base}/deployments`, { kind: "deploy", source: source(manifest()) }, headers);
    const other = await ask("POST", `${base}/deployments`, { kind: "rollback" }, headers);
    expect([other.status, problem.parse(other.json).code]).toEqual([422, "idempotency.mismatch"]);
  });

  test("refuses a second request while the first is under way with 409", async () => {
    const gate = Promise.withResolvers<void>();
    const holding = fakes.deps.engine.exclusively(key, () => gate.promise);
    const body = { kind: "deploy", source: source(manifest()) };
    const first = ask("POST", `${base}/deployments`, body, headers);
    await expect.poll(async () => (await ask("POST", `${base}/deployments`, body, headers)).status).toBe(409);
    gate.resolve();
    await holding;
    expect((await first).status).toBe(202);
  });

  test("lets a key be used again after a failure", async () => {
    const digest = sha256(manifest());
    const body = { kind: "deploy", source: digest };
    expect((await ask("POST", `${base}/deployments`, body, headers)).status).toBe(409);
    source(manifest());
    expect((await ask("POST", `${base}/deployments`, body, headers)).status).toBe(202);
  });
});

describe("rollback and restart", () => {
  test("goes back to the newest live release before the serving one, never to a failed one", async () => {
    await live(manifest());
    const failed = await deploy(manifest("", "LOG_LEVEL: BAD"));
    await fakes.deps.engine.finish(failed.id, "failed");
    await live(manifest("", "LOG_LEVEL: DEBUG"));
    const { json } = await ask("POST", `${base}/deployments`, { kind: "rollback" });
    const { deployment } = deploymentAnswer.parse(json);
    expect(deployment).toMatchObject({ kind: "rollback", release: "v1", previous: "v3" });
    await fakes.deps.engine.finish(deployment.id, "live");
    const again = await ask("POST", `${base}/deployments`, { kind: "rollback" });
    expect([again.status, problem.parse(again.json).code]).toEqual([409, "release.none-before"]);
    const named = await ask("POST", `${base}/deployments`, { kind: "rollback", release: "v2" });
    expect([named.status, problem.parse(named.json).code]).toEqual([404, "release.unknown"]);
    const forward = await ask("POST", `${base}/deployments`, { kind: "rollback", release: "3" });
    expect(deploymentAnswer.parse(forward.json).deployment.release).toBe("v3");
  });

  test("refuses a release whose artifact is gone only if its source is gone too", async () => {
    await live(manifest());
    await live(manifest("", "LOG_LEVEL: DEBUG"));
    fakes.deps.builder.states.clear();
    const { json } = await ask("POST", `${base}/deployments`, { kind: "rollback" });
    await fakes.deps.engine.finish(deploymentAnswer.parse(json).deployment.id, "failed");
    fakes.deps.builder.sources.clear();
    const answer = await ask("POST", `${base}/deployments`, { kind: "rollback" });
    expect([answer.status, problem.parse(answer.json).code]).toEqual([409, "release.incomplete"]);
  });

  test("restarts the services that are named", async () => {
    await live(manifest());
    const { json } = await ask("POST", `${base}/deployments`, { kind: "restart", services: ["web"] });
    expect(deploymentAnswer.parse(json).deployment).toMatchObject({
      kind: "restart",
      release: "v1",
      services: ["web"],
    });
    const unknown = await ask("POST", `${base}/deployments`, { kind: "restart", services: ["wbe"] });
    expect([unknown.status, problem.parse(unknown.json).code]).toEqual([404, "service.unknown"]);
  });

  test("a queued restart is no release on its way: other values are given to the code that is", async () => {
    await live(manifest());
    await deploy(manifest("", "LOG_LEVEL: DEBUG"));
    await ask("POST", `${base}/deployments`, { kind: "restart" });
    await ask("PATCH", `${base}/variables`, { set: { COLOUR: "blue" } });
    expect((await fakes.deps.journal.releases.find(key, 3))?.services[0]?.env.LOG_LEVEL).toBe("DEBUG");
  });

  test("knows nothing of an app that was never deployed", async () => {
    const answer = await ask("POST", `${base}/deployments`, { kind: "rollback" });
    expect([answer.status, problem.parse(answer.json).code]).toEqual([404, "app.unknown"]);
  });
});

describe("deployments and releases", () => {
  test("come in pages, newest first, each once", async () => {
    for (let i = 0; i < 5; i += 1) await deploy(manifest("", `LOG_LEVEL: L${i}`));
    const seen: string[] = [];
    for (let cursor = ""; ; ) {
      const { json } = await ask("GET", `${base}/deployments?limit=2${cursor}`);
      const page = deploymentPage.parse(json);
      seen.push(...page.items.map((one) => one.release));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(seen.sort()).toEqual(["v1", "v2", "v3", "v4", "v5"]);
    const first = releasePage.parse((await ask("GET", `${base}/releases?limit=3`)).json);
    expect(first.items.map((one) => one.release)).toEqual(["v5", "v4", "v3"]);
    const second = releasePage.parse((await ask("GET", `${base}/releases?limit=3&cursor=${first.nextCursor}`)).json);
    expect([second.items.map((one) => one.release), second.nextCursor]).toEqual([["v2", "v1"], null]);
  });

  test("a release is shown with its manifest and without the values of its variables", async () => {
    await live(manifest("", "CANARY: do-not-show-me"));
    const { json } = await ask("GET", `${base}/releases/v1`);
    const { release } = releaseDetail.parse(json);
    expect(release).toMatchObject({ serving: true, wasLive: true });
    expect(release.services[0]?.variables).toContain("CANARY");
    expect(JSON.stringify(release)).not.toContain("do-not-show-me");
  });

  test("a diff names what changed and shows no values", async () => {
    await live(manifest("", "CANARY: old-secret"));
    await live(manifest("  worker:\n    run: node worker.js\n", "CANARY: new-secret"));
    const { json } = await ask("GET", `${base}/releases/v1/diff/v2`);
    const { changes } = planAnswer.parse(json);
    expect(changes.map((change) => `${change.action} ${change.subject}`)).toEqual([
      "change code",
      "replace service web",
      "replace service clock",
      "create service worker",
    ]);
    expect(changes[1]?.detail).toContain("variables CANARY");
    expect(JSON.stringify(json)).not.toMatch(/old-secret|new-secret/);
  });

  test("a plan compares with what serves and does nothing", async () => {
    await live(manifest());
    const { json } = await ask("POST", `${base}/plan`, { source: source(manifest()) });
    const answer = planAnswer.parse(json);
    expect(answer.changes.map((change) => change.action)).toEqual(["keep", "keep"]);
    expect(answer.summary).toBe("nothing changes, compared with v1");
    expect(await fakes.deps.journal.releases.lastNumber(key)).toBe(1);
  });

  test("a plan counts the instances that there would be: what was scaled stays", async () => {
    await live(manifest());
    await ask("PATCH", `${base}/scale`, { web: 3 });
    const more = manifest().replace("run: node web.js", "run: node web.js\n    replicas: 2");
    const { changes } = planAnswer.parse((await ask("POST", `${base}/plan`, { source: source(more) })).json);
    expect(changes.find(({ subject }) => subject === "service web")?.detail).not.toContain("replicas");
    await ask("PATCH", `${base}/scale`, { web: null });
    const given = planAnswer.parse((await ask("POST", `${base}/plan`, { source: source(more) })).json);
    expect(given.changes.find(({ subject }) => subject === "service web")?.detail).toContain("replicas 1 → 2");
  });

  test("steps are shown by their word, never with an instance's variables", async () => {
    const { id } = await deploy(manifest());
    const what = JSON.stringify({ do: "start", instance: { env: { CANARY: "do-not-show-me" } } });
    await fakes.deps.journal.steps.begin({ key, deployment: id, what, subject: "fl-1", why: "because", begunAt: 1 });
    const { json } = await ask("GET", `/v1/deployments/${id}`);
    expect(deploymentDetail.parse(json).steps[0]).toMatchObject({ what: "start", subject: "fl-1" });
    expect(JSON.stringify(json)).not.toContain("do-not-show-me");
  });

  test("cancelling asks once, and an ended one cannot be cancelled", async () => {
    const { id } = await deploy(manifest());
    expect((await ask("POST", `/v1/deployments/${id}/cancel`)).status).toBe(202);
    expect((await fakes.deps.journal.deployments.find(id))?.cancelRequested).toBe(true);
    await fakes.deps.engine.finish(id, "cancelled");
    const late = await ask("POST", `/v1/deployments/${id}/cancel`);
    expect([late.status, problem.parse(late.json).code]).toEqual([409, "deployment.ended"]);
    const unknown = await ask("GET", "/v1/deployments/dep_nothing");
    expect([unknown.status, problem.parse(unknown.json).code]).toEqual([404, "deployment.unknown"]);
  });
});
