import { beforeEach, expect, test } from "vitest";
import { deploymentAnswer } from "../contract/deployments.ts";
import { problem } from "../contract/problem.ts";
import { variableOrigins, variablesAnswer } from "../contract/variables.ts";
import { apiOnFakes } from "./test-api.ts";

const key = { app: "shop", environment: "production" };
const image = `ghcr.io/acme/shop@sha256:${"1".repeat(64)}`;
const text = `version: 1
app: shop
build: { image: "${image}" }
registries:
  docker.io: { username: acme, password: "\${HUB_TOKEN}" }
  ghcr.io: { username: acme-bot, password: "\${GHCR_TOKEN}" }
services:
  web: { http: {} }
`;
const values = { HUB_TOKEN: "canary-hub-1", GHCR_TOKEN: "canary-ghcr-1" };

const fakes = apiOnFakes();
beforeEach(() => {
  fakes.deps.builder.makes = "images";
});

async function ask(method: string, path: string, body?: unknown) {
  const { json } = await fakes.ask(method, `/v1/apps/shop/environments/production/${path}`, { body });
  expect(JSON.stringify(json)).not.toContain("canary-");
  return json;
}

const deploy = () => ask("POST", "deployments", { kind: "deploy", source: fakes.put(text) });

/** The release of a deployment that went live. */
async function live() {
  const { deployment } = deploymentAnswer.parse(await deploy());
  await fakes.deps.engine.finish(deployment.id, "live");
  return newest();
}

const newest = () => fakes.newest(key);

const set = async (more: Record<string, string>) =>
  variablesAnswer.parse(await ask("PATCH", "variables", { set: more }));

test("a password that is not set is asked for before anything is touched, where its registry is written", async () => {
  await set({ HUB_TOKEN: values.HUB_TOKEN });
  const { errors } = problem.parse(await deploy());
  expect(errors?.map(({ path, line, message }) => `${line} ${path}: ${message}`)).toEqual([
    "6 registries.ghcr.io.password: GHCR_TOKEN is not set – set it with `fairlead env set GHCR_TOKEN --stdin --stage`",
  ]);
});

test("where nothing is made of images no password is asked for", async () => {
  fakes.deps.builder.makes = "directories";
  const plain = text.replace(/^build:.*\n/m, "").replace("http: {}", "run: node web.js");
  deploymentAnswer.parse(await ask("POST", "deployments", { kind: "deploy", source: fakes.put(plain) }));
  expect((await newest()).artifacts[0]?.registries).toBeUndefined();
});

test("a release names the version of a password, the build alone gets it, and its text is written down nowhere", async () => {
  await set({ ...values, OTHER: "for-all" });
  const release = await live();
  const [artifact = expect.fail("no artifact")] = release.artifacts;
  expect(artifact.registries?.["ghcr.io"]).toEqual({
    username: "acme-bot",
    password: { secret: "GHCR_TOKEN", version: 1 },
  });
  expect(Object.keys(release.services[0]?.env ?? {}).sort()).toEqual(["FAIRLEAD_ENVIRONMENT", "OTHER", "RELEASE"]);
  expect(release.secrets).toEqual(["GHCR_TOKEN", "HUB_TOKEN", "OTHER"]);
  expect(JSON.stringify(release)).not.toContain("canary-");
  const { services } = variableOrigins.parse(await ask("GET", "variables/GHCR_TOKEN/origins"));
  expect(services.find(({ service }) => service === null)).toMatchObject({
    from: "set",
    set: ["GHCR_TOKEN@1"],
    place: { path: "registries.ghcr.io.password", line: 6 },
    rules: ["secret", "required", "the password of ghcr.io"],
  });
});

test("another password deploys nothing and is another artifact for nobody; the next release has it, and the old one can be gone back to", async () => {
  await set(values);
  const first = await live();
  fakes.deps.builder.states.set(first.artifacts[0]?.digest ?? "", { state: "built" });
  const { deployment, variables } = await set({ GHCR_TOKEN: "canary-ghcr-2" });
  expect([deployment, variables.GHCR_TOKEN]).toEqual([null, expect.objectContaining({ version: 2, state: "staged" })]);
  const second = await live();
  expect(second.number).toBe(first.number + 1);
  expect(second.artifacts[0]?.digest).toBe(first.artifacts[0]?.digest);
  expect(second.artifacts[0]?.registries?.["ghcr.io"]?.password.version).toBe(2);
  const refused = await ask("DELETE", "variables/GHCR_TOKEN/versions/1");
  expect(problem.parse(refused).code).toBe("value.needed");
  const back = deploymentAnswer.parse(await ask("POST", "deployments", { kind: "rollback", release: "v1" }));
  expect(back.deployment.kind).toBe("rollback");
});
