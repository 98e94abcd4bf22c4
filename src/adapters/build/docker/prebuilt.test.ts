import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isErrno } from "../../../base/faults.ts";
import { startChild } from "../../../host/child.ts";
import { EngineRefusal } from "../../../host/engine.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { outputOf, until } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld, wallClock } from "../../runtime/process/world.ts";
import type { DockerBuilder } from "./builder.ts";
import { imageOf } from "./images.ts";
import { pinnedName } from "./prebuilt.ts";
import { dockerWorld } from "./world.ts";

const socket = testEngine();
const noRegistry = "no docker-registry on this machine (apt-get install docker-registry), or the engine is elsewhere";
const nowhere = `sha256:${"1".repeat(64)}`;

test.each([
  ["repo@sha256:1", "repo@sha256:1"],
  ["repo:tag@sha256:1", "repo@sha256:1"],
  ["host:5000/a/repo:tag@sha256:1", "host:5000/a/repo@sha256:1"],
  ["host:5000/repo@sha256:1", "host:5000/repo@sha256:1"],
])("the digest decides, not the tag: %s", (image, name) => {
  expect(pinnedName(image)).toBe(name);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

describe.skipIf(socket === null)(`finished images (else: ${noEngine})`, () => {
  let world: ReturnType<typeof dockerWorld>;
  let builder: DockerBuilder;
  const stops: (() => void)[] = [];

  beforeEach(async () => {
    world = dockerWorld(await processWorld(), { socket: socket ?? "", base: testImages.debian, clock: wallClock });
    builder = world.open();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop();
    await world.close();
  });

  /** A registry of our own, or null where the program is not installed or the engine does not reach it. */
  const registry = async (): Promise<string | null> => {
    const at = `127.0.0.1:${await freePort()}`;
    const config = join(world.root, "registry.yml");
    mkdirSync(join(world.root, "registry"));
    const storage = { filesystem: { rootdirectory: join(world.root, "registry") } };
    writeFileSync(config, JSON.stringify({ version: 0.1, log: { level: "error" }, storage, http: { addr: at } }));
    const child = startChild(["/usr/bin/docker-registry", "serve", config], { env: { OTEL_TRACES_EXPORTER: "none" } });
    stops.push(() => child.kill("SIGKILL"));
    const started = await new Promise<boolean>((resolve, reject) => {
      child.once("spawn", () => resolve(true));
      child.once("error", (thrown) => (isErrno(thrown, "ENOENT") ? resolve(false) : reject(thrown)));
    });
    if (!started) return null;
    await until(async () => (await fetch(`http://${at}/v2/`).catch(() => null))?.ok);
    return (await isReached(at)) ? at : null;
  };
  /** An engine in a network namespace of its own has another loopback address. */
  const isReached = async (at: string): Promise<boolean> => {
    const asked = world.engine.json("POST", "/images/create", { query: { fromImage: `${at}/none`, tag: "none" } });
    const status = await asked.then(
      () => 200,
      (thrown) => (thrown instanceof EngineRefusal ? thrown.status : 0),
    );
    return status === 404;
  };
  /** Puts a small image into a registry and takes it out of the engine; the answer is its name by digest. */
  const push = async (at: string): Promise<string> => {
    const { engine, installation } = world;
    const name = `${at}/${installation}`;
    const { spec } = await built();
    await engine.json("POST", `/images/${imageOf(spec.digest)}/tag`, { query: { repo: name, tag: "1" } });
    const headers = { "X-Registry-Auth": Buffer.from("{}").toString("base64url") };
    const answer = await engine.stream("POST", `/images/${name}/push`, { query: { tag: "1" }, headers });
    let text = "";
    for await (const chunk of answer) text += chunk;
    const digest = /"Digest":"(sha256:[0-9a-f]{64})"/.exec(text)?.[1];
    await engine.json("DELETE", `/images/${name}:1`);
    await builder.remove({ digest: spec.digest, what: "artifact" });
    return `${name}:latest@${digest}`;
  };
  const built = async () => {
    const dockerfile = `FROM scratch\nCOPY hello /hello\nCMD ["/hello"]\n`;
    const spec = artifactSpec(await admitFiles(builder, { Dockerfile: dockerfile, hello: world.installation }), null);
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    return { spec };
  };
  const specOf = (image: string) => ({ ...artifactSpec(nowhere, [image]), command: null, image });

  test("are fetched by their digest, tagged as ours, and go again with what only we had fetched", async ({ skip }) => {
    const at = await registry();
    if (at === null) return skip(noRegistry);
    const image = await push(at);
    expect(await world.image(pinnedName(image))).toBeNull();
    const spec = specOf(image);
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    const found = await world.image(imageOf(spec.digest));
    expect(found?.RepoDigests).toContain(pinnedName(image));
    expect(await world.open().list()).toMatchObject([
      { what: "source" },
      { digest: spec.digest, what: "artifact", bytes: expect.any(Number) },
    ]);
    await builder.remove({ digest: spec.digest, what: "artifact" });
    expect(await world.image(imageOf(spec.digest))).toBeNull();
    expect(await world.image(pinnedName(image))).toBeNull();
    expect(await builder.observe(spec.digest)).toEqual({ state: "absent" });
  });

  test("that got another name meanwhile stay, with the digest they were fetched by", async ({ skip }) => {
    const at = await registry();
    if (at === null) return skip(noRegistry);
    const image = await push(at);
    const spec = specOf(image);
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    const theirs = `test-${world.installation}:theirs`;
    const [repo, tag] = theirs.split(":");
    await world.engine.json("POST", `/images/${imageOf(spec.digest)}/tag`, { query: { repo, tag } });
    await builder.remove({ digest: spec.digest, what: "artifact" });
    expect(await world.image(imageOf(spec.digest))).toBeNull();
    expect(await world.image(pinnedName(image))).toMatchObject({ RepoTags: [theirs] });
    await world.engine.json("DELETE", `/images/${theirs}`);
    await world.engine.json("DELETE", `/images/${pinnedName(image)}`);
  });

  test("that were there before stay when our tag goes", async ({ skip }) => {
    const at = await registry();
    if (at === null) return skip(noRegistry);
    const image = await push(at);
    const query = { fromImage: pinnedName(image) };
    for await (const _chunk of await world.engine.stream("POST", "/images/create", { query }));
    const spec = specOf(image);
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    await builder.remove({ digest: spec.digest, what: "artifact" });
    expect(await world.image(imageOf(spec.digest))).toBeNull();
    expect(await world.image(pinnedName(image))).not.toBeNull();
    await world.engine.json("DELETE", `/images/${pinnedName(image)}`);
  });

  test("that the registry does not have are unknown", async ({ skip }) => {
    const at = await registry();
    if (at === null) return skip(noRegistry);
    const spec = specOf(`${at}/none@${nowhere}`);
    await builder.build(spec, forWhom);
    const state = await builtOrNot(builder, spec.digest);
    expect(state).toMatchObject({ state: "failed", code: "image.unknown", detail: expect.stringContaining("/none@") });
  });

  test("whose registry does not answer are unreachable, and the log says so", async () => {
    const spec = specOf(`127.0.0.1:${await freePort()}/none@${nowhere}`);
    await builder.build(spec, forWhom);
    const state = await builtOrNot(builder, spec.digest);
    expect(state).toMatchObject({ state: "failed", code: "image.unreachable" });
    const task = state.state === "failed" ? (state.task ?? "") : "";
    expect(await outputOf(world.runtime, task)).toMatch(/^fetching 127\.0\.0\.1:\d+\/none@sha256:1+\n127/);
  });
});
