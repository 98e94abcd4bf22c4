import { describe, expect, test } from "vitest";
import { deploymentAnswer } from "../contract/deployments.ts";
import { environmentList, statusView } from "../contract/environments.ts";
import { problem } from "../contract/problem.ts";
import { scaleView } from "../contract/scale.ts";
import { revealedVariables, variablesAnswer, variablesView } from "../contract/variables.ts";
import { type InstanceIdentity, instanceName, type ObservedInstance } from "../model/instance.ts";
import type { SecretRef } from "../model/release.ts";
import { apiOnFakes } from "./test-api.ts";

const key = { app: "shop", environment: "production" };
const base = "/v1/apps/shop/environments/production";
const webUrl = { service: "web", url: "http://web.shop.localhost:8080", internal: false };
const text = `version: 1
app: shop
env:
  LOG_LEVEL: { default: INFO, oneOf: [DEBUG, INFO] }
services:
  web: { run: node web.js, replicas: 2, http: {} }
  clock: { run: node clock.js, single: true }
`;

const fakes = apiOnFakes();

async function ask(method: string, path: string, ...[body, headers = {}]: [unknown?, Record<string, string>?]) {
  const answer = await fakes.ask(method, path, { body, headers });
  return { ...answer, etag: answer.headers.get("etag") ?? "" };
}

/** What the processes of a release would get. */
async function filled(number: number): Promise<Record<string, string>> {
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(
    (await fakes.deps.journal.releases.find(key, number))?.services[0]?.env ?? {},
  )) {
    const pieces = typeof value === "string" ? [value] : value;
    const opened = pieces.map(async (piece) => (typeof piece === "string" ? piece : reveal(piece)));
    texts.set(name, (await Promise.all(opened)).join(""));
  }
  return Object.fromEntries(texts);
}

async function reveal(ref: SecretRef): Promise<string> {
  const [sealed] = await fakes.deps.journal.values.sealed(key, [ref]);
  return fakes.deps.vault.open(sealed ?? "", { key, ...ref }).reveal();
}

const at = (secret: string, version: number) => [{ secret, version }];
const deploy = () => deployText(text);

async function deployText(manifest: string) {
  const { json } = await ask("POST", `${base}/deployments`, { kind: "deploy", source: fakes.put(manifest) });
  return deploymentAnswer.parse(json).deployment;
}

async function live() {
  const deployment = await deploy();
  await fakes.deps.engine.finish(deployment.id, "live");
  return deployment;
}

function instance(more: Partial<InstanceIdentity>, seen: Partial<ObservedInstance> = {}): ObservedInstance {
  const who = { service: "web", release: 1, deployment: "dep_x", ordinal: 0, attempt: 0, ...more };
  const identity = { ...who, kind: "service", key } as const;
  const idle = {
    privatePorts: [],
    startedAt: 1_000,
    address: { host: "127.0.0.1", port: 20_001 },
    stopSignalAt: null,
    killedAt: null,
    exit: null,
  };
  return { name: instanceName(identity), identity, ...idle, ...seen };
}

describe("scale", () => {
  test("wins over the manifest until it is taken back", async () => {
    await live();
    const before = await ask("GET", `${base}/scale`);
    expect(scaleView.parse(before.json).services.web).toEqual({ replicas: 2, manifest: 2, override: null });
    const after = await ask("PATCH", `${base}/scale`, { web: 3 }, { "if-match": before.etag });
    expect(after.status).toBe(200);
    expect(scaleView.parse(after.json).services.web).toEqual({ replicas: 3, manifest: 2, override: 3 });
    const back = await ask("PATCH", `${base}/scale`, { web: null });
    expect(scaleView.parse(back.json).services.web).toEqual({ replicas: 2, manifest: 2, override: null });
  });

  test("refuses a change of what somebody else changed meanwhile", async () => {
    await live();
    const { etag } = await ask("GET", `${base}/scale`);
    await ask("PATCH", `${base}/scale`, { web: 3 });
    const stale = await ask("PATCH", `${base}/scale`, { web: 4 }, { "if-match": etag });
    expect([stale.status, problem.parse(stale.json).code]).toEqual([412, "document.stale"]);
    expect((await fakes.deps.journal.environments.find(key))?.scale).toEqual({ web: 3 });
  });

  test.each([
    [{ clock: 2 }, 409, "scale.single"],
    [{ nobody: 2 }, 404, "service.unknown"],
    [{ web: 101 }, 400, "request.invalid"],
    [{ web: -1 }, 400, "request.invalid"],
    [{}, 400, "request.invalid"],
  ])("refuses %j with %i %s and changes nothing of the rest", async (body, status, code) => {
    await live();
    const answer = await ask("PATCH", `${base}/scale`, { ...body });
    expect([answer.status, problem.parse(answer.json).code]).toEqual([status, code]);
    expect((await fakes.deps.journal.environments.find(key))?.revision).toBe(0);
  });
});

describe("variables", () => {
  test("make a new release of the same artifacts and deploy it", async () => {
    await live();
    const { json, status } = await ask("PATCH", `${base}/variables`, { set: { LOG_LEVEL: "DEBUG", EXTRA: "x" } });
    expect(status).toBe(200);
    const { variables, deployment } = variablesAnswer.parse(json);
    expect(variables).toMatchObject({ LOG_LEVEL: { version: 1, state: "staged" }, EXTRA: { version: 1 } });
    expect(deployment).toMatchObject({ release: "v2", kind: "deploy", status: "queued" });
    const [second, first] = await fakes.deps.journal.releases.page(key, { limit: 2 });
    expect(second?.artifacts).toEqual(first?.artifacts);
    expect(second?.services[0]?.env).toMatchObject({
      LOG_LEVEL: at("LOG_LEVEL", 1),
      EXTRA: at("EXTRA", 1),
      RELEASE: "v2",
    });
    expect(await filled(2)).toMatchObject({ LOG_LEVEL: "DEBUG", EXTRA: "x", RELEASE: "v2" });
    expect(JSON.stringify(second?.message)).not.toContain("DEBUG");
    const document = variablesView.parse((await ask("GET", `${base}/variables`)).json);
    expect(document.effective.web?.LOG_LEVEL).toMatchObject({ set: ["LOG_LEVEL@1"] });
    expect(document.effective.web?.LOG_LEVEL?.digest).toBe(document.variables.LOG_LEVEL?.digest);
    await fakes.deps.engine.finish(deployment?.id ?? "", "live");
    const after = variablesView.parse((await ask("GET", `${base}/variables`)).json);
    expect(after.variables.LOG_LEVEL?.state).toBe("live");
  });

  test("are never written down in the clear, and a composed value names the version", async () => {
    const composed = text.replace(
      "services:",
      "  URL: 'postgres://app:${PASSWORD}@db/'\n  PASSWORD: { secret: true }\nservices:",
    );
    await ask("PATCH", `${base}/variables`, { set: { PASSWORD: "canary-password" } });
    await deployText(composed);
    expect((await fakes.deps.journal.releases.find(key, 1))?.services[0]?.env.URL).toEqual([
      "postgres://app:",
      { secret: "PASSWORD", version: 1 },
      "@db/",
    ]);
    expect(await filled(1)).toMatchObject({ URL: "postgres://app:canary-password@db/" });
    expect(JSON.stringify(await fakes.deps.journal.releases.page(key, { limit: 9 }))).not.toContain("canary-password");
    expect(JSON.stringify(await fakes.deps.journal.events.page({ after: 0, limit: 99 }))).not.toContain(
      "canary-password",
    );
  });

  test("an earlier release keeps the version it had; setting the same value again makes none, and no release", async () => {
    await live();
    await ask("PATCH", `${base}/variables`, { set: { A: "one" } });
    await ask("PATCH", `${base}/variables`, { set: { A: "two" } });
    const { json } = await ask("PATCH", `${base}/variables`, { set: { A: "two", NEVER: null } });
    expect(variablesAnswer.parse(json)).toMatchObject({ deployment: null, changes: { A: "same", NEVER: "same" } });
    expect([(await filled(2)).A, (await filled(3)).A]).toEqual(["one", "two"]);
    expect(await fakes.deps.journal.releases.lastNumber(key)).toBe(3);
    expect((await fakes.deps.journal.values.versions(key, "A")).map(({ version }) => version)).toEqual([2, 1]);
  });

  test("wait for the next deployment when staged, and are judged at once", async () => {
    await live();
    const bad = await ask("PATCH", `${base}/variables`, { set: { LOG_LEVEL: "canary" }, stage: true });
    expect(bad.status).toBe(422);
    const { json } = await ask("PATCH", `${base}/variables`, { set: { LOG_LEVEL: "DEBUG" }, stage: true });
    const { variables, deployment } = variablesAnswer.parse(json);
    expect([deployment, variables.LOG_LEVEL?.state]).toEqual([null, "staged"]);
    expect(await fakes.deps.journal.releases.lastNumber(key)).toBe(1);
    await deploy();
    expect(await filled(2)).toMatchObject({ LOG_LEVEL: "DEBUG" });
  });

  test("are shown in the clear only to who asks for that, and that is written down", async () => {
    await live();
    await ask("PATCH", `${base}/variables`, { set: { TOKEN: "canary-token" } });
    expect(JSON.stringify((await ask("GET", `${base}/variables`)).json)).not.toContain("canary-token");
    const { json } = await ask("POST", `${base}/variables/reveal`);
    expect(revealedVariables.parse(json)).toMatchObject({
      variables: { TOKEN: "canary-token" },
      effective: { web: { TOKEN: "canary-token", LOG_LEVEL: "INFO" } },
    });
    const [newest] = await fakes.deps.journal.audit.page({ key, limit: 1 });
    expect(newest).toMatchObject({ action: "env.reveal", names: ["LOG_LEVEL", "TOKEN"], actor: { name: "local" } });
  });

  test("a version is destroyed only when no release needs it that can be gone back to", async () => {
    const destroy = (name: string) => ask("DELETE", `${base}/variables/${name.replace("@", "/versions/")}`);
    await live();
    const set = async (value: string) => {
      const { json } = await ask("PATCH", `${base}/variables`, { set: { A: value } });
      await fakes.deps.engine.finish(variablesAnswer.parse(json).deployment?.id ?? "", "live");
    };
    await set("one");
    await set("two");
    await ask("PATCH", `${base}/variables`, { set: { A: "three" }, stage: true });
    await ask("PATCH", `${base}/variables`, { set: { A: "four" }, stage: true });
    const refused = await destroy("A@1");
    expect([refused.status, problem.parse(refused.json)]).toMatchObject([409, { code: "value.needed" }]);
    expect(problem.parse(refused.json).detail).toContain("v2 of shop/production needs A@1");
    expect(problem.parse((await destroy("A@4")).json).detail).toContain("is the current value");
    expect((await destroy("A@3")).status).toBe(204);
    expect([(await destroy("A@3")).status, (await destroy("B@1")).status]).toEqual([404, 404]);
    expect((await fakes.deps.journal.values.versions(key, "A")).find(({ version }) => version === 3)?.destroyed).toBe(
      true,
    );
  });

  test("stay as they were when the manifest does not allow the outcome, and the value is not shown", async () => {
    await live();
    const answer = await ask("PATCH", `${base}/variables`, { set: { LOG_LEVEL: "canary-value" } });
    expect([answer.status, problem.parse(answer.json).code]).toEqual([422, "manifest.invalid"]);
    expect(JSON.stringify(answer.json)).not.toContain("canary-value");
    expect((await fakes.deps.journal.environments.find(key))?.variables).toEqual({});
  });

  test("may be set before the first deployment, which takes them along", async () => {
    const { json } = await ask("PATCH", `${base}/variables`, { set: { LOG_LEVEL: "DEBUG" } });
    expect(variablesAnswer.parse(json).deployment).toBeNull();
    await deploy();
    expect((await filled(1)).LOG_LEVEL).toBe("DEBUG");
  });

  test("build on the deployment that is under way, not on what it replaces", async () => {
    await live();
    await deploy();
    await ask("PATCH", `${base}/variables`, { set: { A: "1" } });
    await ask("PATCH", `${base}/variables`, { set: { A: null, B: "2" } });
    const env = await filled(4);
    expect(env).toMatchObject({ B: "2", RELEASE: "v4" });
    expect(env).not.toHaveProperty("A");
  });

  test("deploy nothing while the environment is stopped, and join the deployment that starts it again", async () => {
    await live();
    await ask("POST", `${base}/stop`);
    const stopped = await ask("PATCH", `${base}/variables`, { set: { A: "1" } });
    expect(variablesAnswer.parse(stopped.json).deployment).toBeNull();
    await deploy();
    await ask("PATCH", `${base}/variables`, { set: { B: "2" } });
    expect(await filled(3)).toMatchObject({ A: "1", B: "2" });
  });

  test("honour If-Match", async () => {
    await live();
    const { etag } = await ask("GET", `${base}/variables`);
    expect((await ask("PATCH", `${base}/variables`, { set: { A: "1" } }, { "if-match": etag })).status).toBe(200);
    expect((await ask("PATCH", `${base}/variables`, { set: { A: "2" } }, { "if-match": etag })).status).toBe(412);
    expect((await ask("PATCH", `${base}/variables`, { set: { A: "2" } }, { "if-match": "W/x" })).status).toBe(412);
  });
});

describe("status", () => {
  test("shows observed instances in all their states", async () => {
    const { id: deployment } = await live();
    const ready = instance({ deployment });
    const crashed = instance(
      { deployment, ordinal: 1 },
      { exit: { at: 2_000, code: 1, signal: null, reason: "exited" } },
    );
    const draining = instance({ deployment: "dep_old" });
    const stopping = instance({ deployment: "dep_old", ordinal: 1 }, { stopSignalAt: 5 });
    const starting = instance({ deployment, service: "clock" }, { address: null });
    const gone = instance(
      { deployment: "dep_old", ordinal: 2 },
      { stopSignalAt: 5, exit: { at: 6, code: 0, signal: null, reason: "exited" } },
    );
    const facts = (name: string, retiredAt: number | null) => ({
      name,
      gatedAt: 1_500,
      retiredAt,
      retiredBecause: null,
    });
    fakes.deps.engine.world = {
      instances: [ready, crashed, draining, stopping, starting, gone],
      facts: [facts(ready.name, null), facts(draining.name, 4), facts(stopping.name, 4)],
    };
    const { json } = await ask("GET", `${base}/status`);
    const status = statusView.parse(json);
    expect(status).toMatchObject({
      state: "degraded",
      release: "v1",
      queue: [],
      deployment: { id: deployment, status: "live" },
    });
    const states = Object.fromEntries(
      status.services.flatMap((service) => service.instances).map((one) => [one.id, one.state]),
    );
    expect(states).toEqual({
      [ready.name]: "ready",
      [crashed.name]: "backing-off",
      [draining.name]: "draining",
      [stopping.name]: "stopping",
      [starting.name]: "starting",
    });
    const first = status.services[0]?.instances.find((one) => one.id === ready.name);
    expect(first).toMatchObject({
      ready: true,
      url: "http://127.0.0.1:20001",
      memoryBytes: 1_048_576,
      cpuMs: 12,
      restarts: 0,
    });
    expect(first?.artifact).toMatch(/^sha256:/);
    expect(status.urls).toEqual([webUrl]);
  });

  test("an instance whose probes fail is not ready", async () => {
    const { id: deployment } = await live();
    const one = instance({ deployment });
    fakes.deps.engine.world = {
      instances: [one],
      facts: [{ name: one.name, gatedAt: 1, retiredAt: null, retiredBecause: null }],
      probes: {
        [one.name]: { readyInRow: 0, unreadyInRow: 3, deadInRow: 0, lastAnswer: "GET /ready → 503", listensOn: null },
      },
    };
    const found = statusView.parse((await ask("GET", `${base}/status`)).json).services[0]?.instances[0];
    expect(found).toMatchObject({ state: "not-ready", ready: false, gate: "GET /ready → 503" });
  });

  test("tells what waits, and lists all environments", async () => {
    await live();
    await deploy();
    await deploy();
    const status = statusView.parse((await ask("GET", `${base}/status`)).json);
    expect([status.state, status.queue.map((one) => one.release)]).toEqual(["deploying", ["v2", "v3"]]);
    const { items } = environmentList.parse((await ask("GET", "/v1/environments")).json);
    expect(items).toEqual([{ ...key, release: "v1", state: "deploying", urls: [webUrl], preview: null }]);
  });

  test("maintenance is written down once, with its event, survives stop, and is told as wanted and as seen", async () => {
    await live();
    const put = (body: unknown) => ask("PUT", `${base}/maintenance`, body);
    const { status, json } = await put({ message: "Back at nine" });
    const wanted = { on: true, closed: false, message: "Back at nine", page: false };
    expect([status, statusView.parse(json).maintenance]).toEqual([202, wanted]);
    await put({ message: "Back at nine" });
    await put({ page: "<h1>soon</h1>" });
    const maintenance = { message: "The site is under maintenance. Try again soon.", page: "<h1>soon</h1>" };
    expect(await fakes.deps.journal.environments.find(key)).toMatchObject({ maintenance, revision: 0 });
    await ask("POST", `${base}/stop`);
    expect(statusView.parse((await ask("GET", `${base}/status`)).json).maintenance).toMatchObject({
      on: true,
      page: true,
    });
    await ask("DELETE", `${base}/maintenance`);
    await ask("DELETE", `${base}/maintenance`);
    expect(await fakes.deps.journal.environments.find(key)).toMatchObject({ maintenance: null, stopped: true });
    const events = await fakes.deps.journal.events.page({ key, after: 0, limit: 100 });
    const kinds = events.map(({ kind }) => kind).filter((kind) => kind.startsWith("maintenance"));
    expect(kinds).toEqual(["maintenance.on", "maintenance.on", "maintenance.off"]);
  });

  test.each([
    [{ message: "" }, 400],
    [{ message: "two\nlines" }, 400],
    [{ message: "x".repeat(1_001) }, 400],
    [{ page: "x".repeat(65_537) }, 400],
    [{ words: "none" }, 400],
  ])("maintenance with %j is refused with %i", async (body, status) => {
    await live();
    expect((await ask("PUT", `${base}/maintenance`, body)).status).toBe(status);
    expect(await fakes.deps.journal.environments.find(key)).toMatchObject({ maintenance: null });
  });

  test("maintenance of an environment that is not there is refused", async () => {
    const answer = await ask("PUT", `${base}/maintenance`, {});
    expect(problem.parse(answer.json).code).toBe("app.unknown");
  });

  test("stop cancels what is under way and keeps everything that was recorded", async () => {
    await live();
    const { id } = await deploy();
    const { status, json } = await ask("POST", `${base}/stop`);
    expect([status, statusView.parse(json).state]).toEqual([202, "stopped"]);
    expect(await fakes.deps.journal.environments.find(key)).toMatchObject({ stopped: true, serving: null });
    expect((await fakes.deps.journal.deployments.find(id))?.cancelRequested).toBe(true);
    expect(await fakes.deps.journal.releases.lastNumber(key)).toBe(2);
    const restart = await ask("POST", `${base}/deployments`, { kind: "restart" });
    expect(problem.parse(restart.json).code).toBe("release.none-before");
  });
});
