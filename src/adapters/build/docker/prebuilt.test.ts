import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { outputOf } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { ownPort } from "../../../testing/ports.ts";
import { noRegistry, startRegistry, type TestRegistry } from "../../../testing/registry.ts";
import { processWorld } from "../../runtime/process/world.ts";
import type { DockerBuilder } from "./builder.ts";
import { imageOf } from "./images.ts";
import { pinnedName } from "./prebuilt.ts";
import { dockerBuildWorld } from "./world.ts";

const socket = testEngine();
const nowhere = `sha256:${"1".repeat(64)}`;

test.each([
  ["repo@sha256:1", "repo@sha256:1"],
  ["repo:tag@sha256:1", "repo@sha256:1"],
  ["host:5000/a/repo:tag@sha256:1", "host:5000/a/repo@sha256:1"],
  ["host:5000/repo@sha256:1", "host:5000/repo@sha256:1"],
])("the digest decides, not the tag: %s", (image, name) => {
  expect(pinnedName(image)).toBe(name);
});

describe.skipIf(socket === null)(`finished images (else: ${noEngine})`, () => {
  let world: ReturnType<typeof dockerBuildWorld>;
  let builder: DockerBuilder;
  const stops: (() => void)[] = [];

  beforeEach(async () => {
    world = dockerBuildWorld(await processWorld(), { socket: socket ?? "", base: testImages.debian, clock: wallClock });
    builder = world.open();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop();
    await world.close();
  });

  const registry = async (): Promise<TestRegistry | null> => {
    const started = await startRegistry(world.engine, join(world.root, "registry"));
    if (started) stops.push(started.end);
    return started;
  };
  /** Puts a small image into a registry and takes it out of the engine; the answer is its name by digest. */
  const push = async (into: TestRegistry): Promise<string> => {
    const { spec } = await built();
    const image = await into.take(imageOf(spec.digest), world.installation);
    await builder.remove({ digest: spec.digest, what: "artifact" });
    return image.replace("@", ":latest@");
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
    const own = await registry();
    if (own === null) return skip(noRegistry);
    const image = await push(own);
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
    const own = await registry();
    if (own === null) return skip(noRegistry);
    const image = await push(own);
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
    const own = await registry();
    if (own === null) return skip(noRegistry);
    const image = await push(own);
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
    const own = await registry();
    if (own === null) return skip(noRegistry);
    const spec = specOf(`${own.at}/none@${nowhere}`);
    await builder.build(spec, forWhom);
    const state = await builtOrNot(builder, spec.digest);
    expect(state).toMatchObject({ state: "failed", code: "image.unknown", detail: expect.stringContaining("/none@") });
  });

  test("whose registry does not answer are unreachable, and the log says so", async () => {
    const spec = specOf(`127.0.0.1:${await ownPort()}/none@${nowhere}`);
    await builder.build(spec, forWhom);
    const state = await builtOrNot(builder, spec.digest);
    expect(state).toMatchObject({ state: "failed", code: "image.unreachable" });
    const task = state.state === "failed" ? (state.task ?? "") : "";
    expect(await outputOf(world.runtime, task)).toMatch(/^pulling 127\.0\.0\.1:\d+\/none@sha256:1+\n127/);
  });
});
