import { existsSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../../../base/secret.ts";
import type { ArtifactSpec } from "../../../model/release.ts";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { outputOf, runtimeKey } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { ownPort } from "../../../testing/ports.ts";
import { noRegistry, registryUser, startRegistry, type TestRegistry } from "../../../testing/registry.ts";
import { processWorld } from "../../runtime/process/world.ts";
import type { DockerBuilder } from "./builder.ts";
import { imageOf } from "./images.ts";
import { fetchHeaders, type Logins, registryOf, registryRefusal } from "./registries.ts";
import { everyWay, type WayName } from "./ways.ts";
import { imageIn } from "./work.ts";
import { dockerBuildWorld } from "./world.ts";

const socket = testEngine();
const nowhere = `sha256:${"1".repeat(64)}`;
const { name: username, passwords } = registryUser;
const loginWith = (at: string, password: string): Logins => ({ [at]: { username, password: new Secret(password) } });

test.each([
  ["node:24", "docker.io"],
  ["acme/shop", "docker.io"],
  ["docker.io/acme/shop:1", "docker.io"],
  ["index.docker.io/acme/shop:1", "docker.io"],
  ["localhost/shop", "localhost"],
  ["registry:5000/shop", "registry:5000"],
  ["ghcr.io/acme/shop:1@sha256:1", "ghcr.io"],
])("%s is of %s", (image, host) => {
  expect(registryOf(image)).toBe(host);
});

test.each([
  ["load metadata for ghcr.io/acme/base:1", "ghcr.io/acme/base:1"],
  ["FROM --platform=linux/amd64 ghcr.io/acme/base@sha256:1 AS run", "ghcr.io/acme/base@sha256:1"],
  ["from node:24", "node:24"],
  ["FROM $BASE", null],
  ["FROM acme/../../containers/shop", null],
  ["FROM acme//shop?x", null],
  ["RUN echo FROM node", null],
  ["COPY . .", null],
])("the step %s fetches %s", (step, image) => {
  expect(imageIn(step)).toBe(image);
});

test("a login goes to its own registry, padded as engines want it, and Docker Hub has its own name there", () => {
  const logins = { ...loginWith("docker.io", "pass>?~word"), ...loginWith("ghcr.io", "other") };
  const { "X-Registry-Auth": header = "" } = fetchHeaders(logins, "acme/shop:1");
  expect(header).toMatch(/^[\w-]+=*$/);
  expect(header.length % 4).toBe(0);
  const said = JSON.parse(Buffer.from(header, "base64url").toString());
  expect(said).toEqual({ username, password: "pass>?~word", serveraddress: "https://index.docker.io/v1/" });
  expect(fetchHeaders(logins, "quay.io/acme/shop:1")).toEqual({});
  expect(fetchHeaders(logins, "ghcr.io.example.com/acme/shop:1")).toEqual({});
});

describe.skipIf(socket === null)(`a private registry (else: ${noEngine})`, () => {
  type World = ReturnType<typeof dockerBuildWorld>;
  let first: World;
  let own: TestRegistry | null;
  let name: string;
  let image: string;
  const closers: (() => unknown)[] = [];

  const open = async (ways: readonly WayName[]) => {
    const place = await processWorld();
    const docker = { path: join(place.root, "docker"), env: {} };
    await writeFile(docker.path, `#!/bin/sh\ntouch ${place.root}/was-started\n`);
    await chmod(docker.path, 0o755);
    const more = { ways, docker };
    return dockerBuildWorld(place, { socket: socket ?? "", base: testImages.debian, clock: wallClock, more });
  };

  beforeAll(async () => {
    if (socket === null) return;
    first = await open(["buildkit"]);
    own = await startRegistry(first.engine, join(first.root, "registry"), { login: true });
    name = `base-${first.installation}`;
    if (own === null) return;
    const builder = first.open();
    const files = { Dockerfile: "FROM scratch\nCOPY hello /hello\n", hello: first.installation };
    const spec = artifactSpec(await admitFiles(builder, files), null);
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    image = await own.take(imageOf(spec.digest), name);
    await builder.remove({ digest: spec.digest, what: "artifact" });
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    own?.end();
    await first?.close();
  });

  const world = async (ways: readonly WayName[]): Promise<World> => {
    const opened = await open(ways);
    closers.push(opened.close);
    return opened;
  };

  /** Another registry, of which only the doorman is there. */
  const listen = async (doorman: RequestListener): Promise<string> => {
    const port = await ownPort();
    const server = createServer(doorman);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    closers.push(() => server.close());
    return `127.0.0.1:${port}`;
  };

  /** What becomes of an artifact with these logins, and all that is recorded of it. */
  const tried = async (
    { at, builder }: { at: World; builder: DockerBuilder },
    spec: ArtifactSpec,
    registries: Logins,
  ) => {
    await builder.build(spec, forWhom, { plain: {}, secret: {}, registries });
    const state = await builtOrNot(builder, spec.digest);
    const tasks = await builder.builds.tasks(runtimeKey);
    const logs = await Promise.all(tasks.map((task) => outputOf(at.runtime, task.name)));
    const found = state.state === "built" ? await at.engine.json("GET", `/images/${imageOf(spec.digest)}/json`) : null;
    for (const text of [JSON.stringify([state, tasks, found]), ...logs]) expect(text).not.toContain("canary-registry");
    return { state, log: logs.at(-1) ?? "" };
  };
  const failed = (code: string, ...words: readonly string[]) => ({
    state: "failed",
    code,
    detail: expect.stringMatching(new RegExp(words.map((word) => word.replaceAll(".", "\\.")).join(".*"))),
  });

  test("gives a finished image to the right login alone, and is not asked again for what is there", async ({
    skip,
  }) => {
    if (own === null) return skip(noRegistry);
    const at = await world(["buildkit"]);
    const builder = at.open();
    const fetched = async (of: string, registries: Logins, command = of) => {
      return (await tried({ at, builder }, { ...artifactSpec(nowhere, [command]), image: of }, registries)).state;
    };
    expect(await fetched(image, {})).toMatchObject(failed("image.denied", own.at, image, "`registries` has none"));
    const wrong = loginWith(own.at, "canary-registry-wrong");
    expect(await fetched(image, wrong)).toMatchObject(
      failed("image.denied", own.at, `refuses ${image} to ${username}`),
    );
    const right = loginWith(own.at, passwords[0]);
    const unknown = `${own.at}/none@${nowhere}`;
    expect(await fetched(unknown, right)).toMatchObject(failed("image.unknown", own.at, unknown));
    const away = `127.0.0.1:${await ownPort()}`;
    const unreachable = failed("image.unreachable", away, `${away}/none@`);
    expect(await fetched(`${away}/none@${nowhere}`, loginWith(away, passwords[0]))).toMatchObject(unreachable);
    expect(await fetched(image, right)).toEqual({ state: "built" });
    expect(await fetched(image, wrong, "again")).toEqual({ state: "built" });
  });

  test.for(["buildkit", "classic"] as const)(
    "gives base images to the right login alone: %s",
    async (way, { skip }) => {
      if (own === null) return skip(noRegistry);
      const at = await world([way]);
      const builder = at.open();
      const labels = `LABEL fairlead.installation=${at.installation} try=${at.installation}\n`;
      const built = async (from: string, registries: Logins) => {
        const files = { Dockerfile: `FROM ${from}\n${labels}COPY a /a\n`, a: JSON.stringify(registries) };
        return tried({ at, builder }, artifactSpec(await admitFiles(builder, files), null), registries);
      };
      const base = `${own.at}/${name}:1`;
      const wrong = loginWith(own.at, "canary-registry-wrong");
      const right = loginWith(own.at, passwords[0]);
      expect((await built(base, {})).state).toMatchObject(
        failed("image.denied", own.at, base, "`registries` has none"),
      );
      expect((await built(base, wrong)).state).toMatchObject(
        failed("image.denied", own.at, `refuses ${base} to ${username}`),
      );
      const none = `${own.at}/none:1`;
      expect((await built(none, right)).state).toMatchObject(failed("image.unknown", own.at, none));
      const away = `127.0.0.1:${await ownPort()}/none:1`;
      expect((await built(away, right)).state).toMatchObject(failed("image.unreachable", away));
      expect((await built(base, right)).state).toEqual({ state: "built" });
      if (way === "classic") await at.engine.json("DELETE", `/images/${base}`);
    },
  );

  test("that gives tokens for logins, as most of the public ones do, refuses in the same words", async () => {
    const right = "canary-registry-token";
    const authorised = `Basic ${Buffer.from(`${username}:${right}`).toString("base64")}`;
    let manifest = { status: 404, code: "MANIFEST_UNKNOWN" };
    const at = await listen(({ url = "", headers: { authorization } }, answer) => {
      const say = (status: number, body: object, headers = {}) => {
        answer.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
      };
      const challenge = { "WWW-Authenticate": `Bearer realm="http://${at}/token",service="test"` };
      if (url.startsWith("/token")) {
        if (authorization !== undefined && authorization !== authorised) say(401, {});
        else say(200, { token: authorization ? "full" : "empty" });
      } else if (authorization !== "Bearer full") say(401, {}, challenge);
      else if (url === "/v2/") say(200, {});
      else say(manifest.status, { errors: [{ code: manifest.code, message: "of the test" }] });
    });
    const refused = (logins: Logins) => registryRefusal(first.engine, `${at}/acme/shop:1`, logins);
    expect(await refused({})).toMatchObject({
      code: "image.denied",
      detail: expect.stringContaining("requires a login"),
    });
    const wrong = {
      code: "image.denied",
      detail: expect.stringContaining(`${at} refuses ${at}/acme/shop:1 to ${username}`),
    };
    expect(await refused(loginWith(at, "canary-registry-wrong"))).toMatchObject(wrong);
    expect(await refused(loginWith(at, right))).toMatchObject({ code: "image.unknown" });
    manifest = { status: 503, code: "UNAVAILABLE" };
    expect(await refused(loginWith(at, right))).toMatchObject({ code: "image.unreachable" });
  });

  test("never sees the login of another, and docker buildx, which would want a file with it, is not used", async ({
    skip,
  }) => {
    if (own === null) return skip(noRegistry);
    const heard: string[] = [];
    const host = await listen(({ headers }, answer) => {
      heard.push(headers.authorization ?? "");
      answer.writeHead(401, { "WWW-Authenticate": 'Basic realm="other"' }).end();
    });
    for (const ways of [everyWay, ["classic"]] as const) {
      const at = await world(ways);
      const builder = at.open();
      const files = { Dockerfile: `FROM ${host}/theirs:1\nCOPY a /a\n`, a: at.installation };
      const spec = artifactSpec(await admitFiles(builder, files), null);
      const { state, log } = await tried({ at, builder }, spec, loginWith(own.at, passwords[0]));
      expect(state).toMatchObject(failed("image.denied", host, "requires a login"));
      expect(log).toContain(ways.length === 1 ? "classic builder" : "builds with BuildKit of the engine");
      expect(existsSync(join(at.root, "was-started"))).toBe(false);
    }
    expect(heard.length).toBeGreaterThan(0);
    for (const header of heard)
      expect(Buffer.from(header.replace("Basic ", ""), "base64").toString()).not.toContain(username);
  });
});
