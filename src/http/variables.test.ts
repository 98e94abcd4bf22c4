import { expect, test } from "vitest";
import { deploymentAnswer } from "../contract/deployments.ts";
import { problem } from "../contract/problem.ts";
import {
  revealedVariables,
  variableDiff,
  variableOrigins,
  variablesAnswer,
  variablesView,
  versionList,
} from "../contract/variables.ts";
import { apiOnFakes } from "./test-api.ts";

const at = (environment: string) => ({ app: "shop", environment });
const text = `version: 1
app: shop
env:
  API: { default: one, scope: both }
  NPM_TOKEN: { secret: true, scope: build, required: true, minLength: 6 }
  REGISTRY: { default: "https://\${NPM_TOKEN}@npm.example.com", scope: build }
groups:
  internal: { INTERNAL_KEY: { secret: true, required: true, minLength: 8 } }
services:
  web: { run: node web.js, http: {}, groups: [internal], env: { SALT: { generate: uuid } } }
  ai: { run: node ai.js, groups: [internal] }
  clock: { run: node clock.js }
`;

const fakes = apiOnFakes();

const ask = (method: string, path: string, body: unknown) =>
  fakes.ask(method, `/v1/apps/shop/environments/${path}`, { body });

async function set(values: Record<string, string>, environment = "production") {
  const { status, json } = await ask("PATCH", `${environment}/variables`, { set: values });
  expect(status).toBe(200);
  return variablesAnswer.parse(json);
}

function deploy(environment = "production", manifest = text) {
  return ask("POST", `${environment}/deployments`, { kind: "deploy", source: fakes.put(manifest) });
}

/** The release that a deployment made, once it serves. */
async function live(environment = "production", manifest = text) {
  const { deployment } = deploymentAnswer.parse((await deploy(environment, manifest)).json);
  await fakes.deps.engine.finish(deployment.id, "live");
  return newest(environment);
}

const newest = (environment = "production") => fakes.newest(at(environment));

test("what several services lack is asked for once, where it is written; set once, all of them have it", async () => {
  const refused = problem.parse((await deploy()).json);
  expect(refused.errors?.map(({ path, line, message }) => `${line} ${path}: ${message}`)).toEqual([
    "5 env.NPM_TOKEN: has no value but is required – set it with `fairlead env set`",
    "8 groups.internal.INTERNAL_KEY: has no value but is required – set it with `fairlead env set`",
  ]);
  await set({ INTERNAL_KEY: "canary-1", NPM_TOKEN: "canary-2", UNDECLARED: "for all" });
  const { services } = await live();
  for (const { env } of services) expect(env.UNDECLARED).toEqual([{ secret: "UNDECLARED", version: 1 }]);
  const key = [{ secret: "INTERNAL_KEY", version: 1 }];
  expect(services.map(({ name, env }) => [name, env.INTERNAL_KEY])).toEqual([
    ["web", key],
    ["ai", key],
    ["clock", undefined],
  ]);
});

test("the build gets the variables that are for it, secret ones apart, and what runs gets only the others", async () => {
  await set({ INTERNAL_KEY: "canary-1", NPM_TOKEN: "canary-2" });
  const release = await live();
  const token = { secret: "NPM_TOKEN", version: 1 };
  expect(release.artifacts.map(({ env }) => env)).toEqual([
    { plain: { API: "one" }, secret: { NPM_TOKEN: [token], REGISTRY: ["https://", token, "@npm.example.com"] } },
  ]);
  for (const { env } of release.services) expect(Object.keys(env)).not.toContain("NPM_TOKEN");
  for (const { env } of release.services) expect(env.API).toBe("one");
  expect(release.secrets).toEqual(["INTERNAL_KEY", "NPM_TOKEN", "SALT"]);
  expect(JSON.stringify(release)).not.toContain("canary-");
});

test("another value for the build makes another artifact, the same one does not, in whatever environment and version", async () => {
  await set({ INTERNAL_KEY: "canary-1", NPM_TOKEN: "canary-2" });
  const digest = async (environment?: string) => (await newest(environment)).artifacts[0]?.digest;
  await live();
  const first = await digest();
  await set({ INTERNAL_KEY: "canary-3" });
  expect(await digest()).toBe(first);
  await set({ NPM_TOKEN: "canary-4" });
  expect(await digest()).not.toBe(first);
  await set({ API: "two", NPM_TOKEN: "canary-2" });
  expect(await digest()).not.toBe(first);
  await set({ API: "one" });
  expect(await digest()).toBe(first);
  await set({ INTERNAL_KEY: "canary-5", NPM_TOKEN: "canary-2" }, "staging");
  await live("staging");
  expect(await digest("staging")).toBe(first);
});

test("an artifact is promoted to an environment with the same values for the build, and to no other", async () => {
  await set({ INTERNAL_KEY: "canary-1", NPM_TOKEN: "canary-2" }, "staging");
  await live("staging");
  await set({ INTERNAL_KEY: "canary-3", NPM_TOKEN: "canary-4" });
  fakes.deps.builder.states.set((await newest("staging")).artifacts[0]?.digest ?? "", { state: "built" });
  const promote = () => ask("POST", "production/deployments", { kind: "promote", from: "staging" });
  expect(problem.parse((await promote()).json)).toMatchObject({ code: "promote.other-build" });
  await set({ NPM_TOKEN: "canary-2" });
  expect((await promote()).status).toBe(202);
  expect((await newest()).artifacts[0]?.digest).toBe((await newest("staging")).artifacts[0]?.digest);
});

test("where each service and the build have a variable from is told with its place, its group and its version", async () => {
  await set({ INTERNAL_KEY: "canary-1", NPM_TOKEN: "canary-2", EXTRA: "canary-3" });
  await live();
  const explained = async (name: string) => {
    const url = `/v1/apps/shop/environments/production/variables/${name}/origins`;
    const response = await fakes.api.request(url, {}, { via: "socket" });
    const text = await response.text();
    expect(text).not.toContain("canary-");
    const { services, staged } = variableOrigins.parse(JSON.parse(text));
    const waiting = staged === null ? [] : [[staged, "waits"]];
    return [
      ...waiting,
      ...services.map(({ service, from, set: versions, refersTo, place }) => {
        return [service, from, ...versions, ...refersTo, place && `${place.line} ${place.path} ${place.group}`];
      }),
    ];
  };
  const group = "8 groups.internal.INTERNAL_KEY internal";
  expect(await explained("INTERNAL_KEY")).toEqual([
    ["web", "set", "INTERNAL_KEY@1", group],
    ["ai", "set", "INTERNAL_KEY@1", group],
    ["clock", "absent", null],
  ]);
  expect((await explained("REGISTRY")).at(-1)).toEqual([
    null,
    "refers",
    "NPM_TOKEN@1",
    "NPM_TOKEN",
    "6 env.REGISTRY.default null",
  ]);
  expect((await explained("API")).map(([service, from]) => [service, from])).toEqual(
    ["web", "ai", "clock", null].map((service) => [service, "default"]),
  );
  expect((await explained("SALT"))[0]).toEqual(["web", "generated", "SALT@1", "10 services.web.env.SALT null"]);
  expect((await explained("EXTRA"))[0]).toEqual(["web", "set", "EXTRA@1", null]);
  expect((await explained("RELEASE"))[0]).toEqual(["web", "fairlead", null]);
  await ask("PATCH", "production/variables", { set: { LATER: "canary-4" }, stage: true });
  expect((await explained("LATER"))[0]).toEqual(["LATER@1", "waits"]);
});

test("the list of variables tells the group of a shared one, and what the build has", async () => {
  await set({ INTERNAL_KEY: "canary-1", NPM_TOKEN: "canary-2" });
  await live();
  const response = await fakes.api.request("/v1/apps/shop/environments/production/variables", {}, { via: "socket" });
  const { effective, build } = variablesView.parse(await response.json());
  expect(effective.ai?.INTERNAL_KEY).toMatchObject({ group: "internal", set: ["INTERNAL_KEY@1"] });
  expect(effective.ai?.API).toMatchObject({ group: null, set: [] });
  expect(Object.keys(build).sort()).toEqual(["API", "NPM_TOKEN", "REGISTRY"]);
});

test("two environments are compared by name, and by service where the services of one have different values", async () => {
  const env = (web: string, ai: string) => `env: { LEVEL: ${web} }\n  ai: { run: node ai.js, env: { LEVEL: ${ai} } }`;
  const manifest = (levels: string) =>
    `version: 1\napp: shop\nservices:\n  web:\n    run: node web.js\n    ${levels}\n`;
  await set({ KEY: "canary-1", PIN: "canary-2", ONLY: "canary-3" });
  await live("production", manifest(env("a", "b")));
  await set({ KEY: "canary-1", PIN: "canary-4" }, "staging");
  await live("staging", manifest(env("b", "b")));
  const compared = async (here: string, there: string) => {
    const response = await fakes.api.request(`/v1/apps/shop/environments/${here}/diff/${there}`, {}, { via: "socket" });
    const text = await response.text();
    expect(text).not.toContain("canary-");
    const { variables } = variableDiff.parse(JSON.parse(text));
    return variables.map(({ name, service, state }) => `${name} ${service} ${state}`);
  };
  expect(await compared("production", "staging")).toEqual([
    "KEY null same",
    "LEVEL ai same",
    "LEVEL web different",
    "ONLY null only-here",
    "PIN null different",
  ]);
  expect(await compared("staging", "production")).toContain("ONLY null only-there");
});

test("the versions of a value have their digests until they are destroyed", async () => {
  await set({ PIN: "canary-1" });
  await set({ PIN: "canary-2" });
  await set({ PIN: "canary-1" });
  const url = "/v1/apps/shop/environments/production/variables/PIN/versions";
  await fakes.api.request(`${url}/2`, { method: "DELETE" }, { via: "socket" });
  const { items } = versionList.parse(await (await fakes.api.request(url, {}, { via: "socket" })).json());
  const [newest, destroyed, first] = items.map(({ digest }) => digest);
  expect([newest, destroyed]).toEqual([first, null]);
  expect(first).toMatch(/^[0-9a-f]{8}$/);
});

test("a version that only a build has counts as live, and is not destroyed while its release is kept", async () => {
  await set({ INTERNAL_KEY: "canary-1", NPM_TOKEN: "canary-2" });
  await live();
  const { variables } = await set({ NPM_TOKEN: "canary-4" });
  expect(variables.NPM_TOKEN).toMatchObject({ version: 2, state: "staged" });
  const url = "/v1/apps/shop/environments/production/variables/NPM_TOKEN/versions/1";
  const refused = await fakes.api.request(url, { method: "DELETE" }, { via: "socket" });
  expect(problem.parse(await refused.json())).toMatchObject({ code: "value.needed" });
});

test("the audit of a reveal names what was shown of the build too", async () => {
  await set({ INTERNAL_KEY: "canary-1", NPM_TOKEN: "canary-2" });
  await live();
  const { json } = await ask("POST", "production/variables/reveal", undefined);
  expect(revealedVariables.parse(json).build.REGISTRY).toBe("https://canary-2@npm.example.com");
  const [newest] = await fakes.deps.journal.audit.page({ limit: 1 });
  expect(newest).toMatchObject({
    action: "env.reveal",
    names: ["API", "INTERNAL_KEY", "NPM_TOKEN", "REGISTRY", "SALT"],
  });
});

test.each(["/v1/apps/shop/environments/production/variables/reveal", "/v1/vault/recovery"])(
  "what %s shows is not kept for an Idempotency-Key",
  async (path) => {
    await set({ TOKEN: "canary-1" });
    const asked = await fakes.api.request(
      path,
      { method: "POST", headers: { "idempotency-key": "k1" } },
      { via: "socket" },
    );
    expect(asked.status).toBe(200);
    const { journal, clock } = fakes.deps;
    expect(await journal.claims.claim("k1", "another request", clock.now())).toBeNull();
  },
);
