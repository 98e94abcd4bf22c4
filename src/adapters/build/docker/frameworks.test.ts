import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../../../base/digest.ts";
import { detect } from "../../../detect/detect.ts";
import { isRecipe, type Recipe } from "../../../detect/recipe.ts";
import type { ArtifactSpec } from "../../../model/release.ts";
import { admitFiles, artifactSpec, forWhom } from "../../../testing/conformance/builder.ts";
import { outputOf, runtimeKey, until } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld, wallClock } from "../../runtime/process/world.ts";
import type { DockerBuilder } from "./builder.ts";
import { imageOf } from "./images.ts";
import { dockerWorld } from "./world.ts";

const socket = testEngine();
const fixtures = join(import.meta.dirname, "../../../../test/fixtures/frameworks");
const base = { node: testImages.node, python: testImages.python, static: testImages.caddy };
/** Packages come from the network the first time, and from the engine's cache after that. */
const patience = 300_000;

type Files = Readonly<Record<string, string>>;

function filesOf(fixture: string): Files {
  const root = join(fixtures, fixture);
  const paths = readdirSync(root, { recursive: true }).map(String);
  const files = paths.filter((path) => statSync(join(root, path)).isFile());
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

function recipeOf(files: Files): Recipe {
  const found = detect({ paths: Object.keys(files), read: (path) => files[path] ?? null }, { base });
  if (!isRecipe(found)) expect.fail(found.lookedFor.join("\n"));
  return found;
}

interface Container {
  readonly Id: string;
  readonly State: { readonly Running: boolean; readonly Pid: number };
  readonly NetworkSettings: { readonly IPAddress: string };
}
interface Image {
  readonly Size: number;
  readonly Config: { readonly User: string; readonly Healthcheck: { readonly Test: readonly string[] } };
}

describe.skipIf(socket === null)(`sources without a Dockerfile on an engine (else: ${noEngine})`, () => {
  let world: ReturnType<typeof dockerWorld>;
  let builder: DockerBuilder;
  const containers: string[] = [];

  beforeAll(async () => {
    world = dockerWorld(await processWorld(), {
      socket: socket ?? "",
      base: testImages.debian,
      clock: wallClock,
      more: { recipeOf: detect },
    });
    builder = world.open();
  });
  afterEach(async () => {
    for (const id of containers.splice(0))
      await world.engine.json("DELETE", `/containers/${id}`, { query: { force: true } });
  });
  afterAll(() => world.close(), 60_000);

  /** Builds to the end; the answer has what the build printed and how long it took. */
  const make = async (files: Files) => {
    const plain = artifactSpec(await admitFiles(builder, files), null);
    const spec: ArtifactSpec = { ...plain, base, digest: sha256(JSON.stringify([plain.digest, base])) };
    const begun = performance.now();
    await builder.build(spec, forWhom);
    const state = await until(async () => {
      const now = await builder.observe(spec.digest);
      return now.state === "building" ? null : now;
    }, patience);
    const seconds = (performance.now() - begun) / 1_000;
    const { tasks } = await world.runtime.observe(runtimeKey);
    const task = tasks.findLast((one) => one.spec.artifact === spec.digest);
    const log = await outputOf(world.runtime, task?.name ?? "none");
    expect(state, log).toEqual({ state: "built" });
    const image = await world.engine.json<Image>("GET", `/images/${imageOf(spec.digest)}/json`);
    return { name: imageOf(spec.digest), log, seconds, image };
  };

  /** Runs an image as hardened as services are; only /tmp can be written to. */
  const run = async (
    image: string,
    { command, env = [] }: { command?: readonly string[]; env?: readonly string[] } = {},
  ) => {
    const { Id } = await world.engine.json<{ Id: string }>("POST", "/containers/create", {
      body: {
        Image: image,
        Env: env,
        Labels: { "fairlead.test": world.installation },
        ...(command ? { Cmd: command } : {}),
        HostConfig: {
          CapDrop: ["ALL"],
          SecurityOpt: ["no-new-privileges"],
          ReadonlyRootfs: true,
          Tmpfs: { "/tmp": "" },
          Init: true,
        },
      },
    });
    containers.push(Id);
    await world.engine.json("POST", `/containers/${Id}/start`);
    return world.engine.json<Container>("GET", `/containers/${Id}/json`);
  };

  const answer = ({ NetworkSettings }: Container, path: string, port = 8000) =>
    until(async () => {
      const response = await fetch(`http://${NetworkSettings.IPAddress}:${port}${path}`).catch(() => null);
      return response && { status: response.status, text: await response.text() };
    }, 30_000);

  /** The status of the image's own health check, run as the engine runs it. */
  const health = async ({ Id }: Container, { Config }: Image): Promise<number> => {
    const made = await world.engine.json<{ Id: string }>("POST", `/containers/${Id}/exec`, {
      body: { Cmd: Config.Healthcheck.Test.slice(1) },
    });
    await world.engine.json("POST", `/exec/${made.Id}/start`, { body: { Detach: true } });
    return until(async () => {
      const now = await world.engine.json<{ Running: boolean; ExitCode: number | null }>(
        "GET",
        `/exec/${made.Id}/json`,
      );
      return now.Running ? null : { code: now.ExitCode ?? -1 };
    }, 20_000).then(({ code }) => code);
  };

  /** Whether every process in a container, seen from outside, is of user and group 1000. */
  const users = ({ State }: Container) => {
    const status = readFileSync(`/proc/${State.Pid}/status`, "utf8");
    return [/^Uid:\t(\d+)/m.exec(status)?.[1], /^Gid:\t(\d+)/m.exec(status)?.[1]];
  };

  test.for([
    { fixture: "django", path: "/", says: '{"framework": "django", "user": 1000}', env: ["SECRET_KEY=x"] },
    { fixture: "fastapi", path: "/", says: '{"framework":"fastapi","user":1000}' },
    { fixture: "express", path: "/", says: '{"framework":"express","user":1000}' },
    { fixture: "vite", path: "/any/where", says: '<div id="app"></div>' },
    { fixture: "static", path: "/about", says: "<h1>About</h1>" },
  ])(
    "$fixture answers as user 1000, and its health check passes",
    { timeout: patience },
    async ({ fixture, path, says, env = [] }) => {
      const files = filesOf(fixture);
      const { name, image } = await make(files);
      expect([image.Config.User, recipeOf(files).warnings]).toEqual(["1000:1000", []]);
      const container = await run(name, { env });
      expect(await answer(container, path)).toEqual({ status: 200, text: expect.stringContaining(says) });
      expect(users(container)).toEqual(["1000", "1000"]);
      expect(await health(container, image)).toBe(0);
      const ready = recipeOf(files).services[0]?.ready ?? "";
      expect((await answer(container, ready)).status).toBe(200);
    },
  );

  test("PORT moves the app, and its health check with it", { timeout: patience }, async () => {
    for (const fixture of ["fastapi", "static"]) {
      const { name, image } = await make(filesOf(fixture));
      const container = await run(name, { env: ["PORT=9123"] });
      expect((await answer(container, "/", 9123)).status).toBe(200);
      expect(await health(container, image)).toBe(0);
    }
  });

  test("a health check fails when nobody answers", { timeout: patience }, async () => {
    for (const fixture of ["fastapi", "express", "static"]) {
      const { name, image } = await make(filesOf(fixture));
      const container = await run(name, { command: ["sleep", "60"] });
      expect(await health(container, image)).not.toBe(0);
    }
  });

  test("static files are collected while building, and served", { timeout: patience }, async () => {
    const { name } = await make(filesOf("django"));
    const container = await run(name, { env: ["SECRET_KEY=x"] });
    expect(await answer(container, "/static/style.css")).toEqual({
      status: 200,
      text: filesOf("django")["assets/style.css"],
    });
  });

  test("what is for deploying is not served", { timeout: patience }, async () => {
    const files = { ...filesOf("static"), "fairlead.yml": "app: shop", "sub/.env.example": "A=" };
    const { name } = await make(files);
    const container = await run(name);
    for (const path of ["/fairlead.yml", "/sub/.env.example", "/Dockerfile", "/.env"]) {
      expect((await answer(container, path)).status).toBe(404);
    }
  });

  test("the worker and the clock of Celery run in the image of the web service", { timeout: patience }, async () => {
    const files = filesOf("django");
    const { name } = await make(files);
    const commands = recipeOf(files).services.slice(1);
    expect(commands.map((service) => service.name)).toEqual(["worker", "beat"]);
    const signs = { worker: /celery@\S+ ready\./, beat: /Scheduler: Sending due task tick/ };
    for (const { name: service, run: command } of commands) {
      const container = await run(name, { command: command ?? [], env: ["SECRET_KEY=x"] });
      const sign = signs[service as keyof typeof signs];
      await until(async () => (sign.test(await said(container)) ? true : null), 60_000);
    }
  });

  const said = async ({ Id }: Container): Promise<string> => {
    const stream = await world.engine.stream("GET", `/containers/${Id}/logs`, {
      query: { stdout: true, stderr: true },
    });
    let text = "";
    for await (const chunk of stream.setEncoding("utf8")) text += chunk;
    return text;
  };

  test.for([
    { fixture: "express", file: "src/server.ts", install: /RUN npm ci.*/ },
    { fixture: "fastapi", file: "app/main.py", install: /RUN python -c .*pip install.*/ },
  ])(
    "one changed line of $fixture installs nothing again",
    { timeout: patience },
    async ({ fixture, file, install }) => {
      const files = filesOf(fixture);
      // Something nobody has installed with yet, so that the first build does install.
      const fresh =
        fixture === "express"
          ? { ".npmrc": `# ${Date.now()}\n` }
          : { "pyproject.toml": `${files["pyproject.toml"]}# ${Date.now()}\n` };
      const first = await make({ ...files, ...fresh });
      const second = await make({
        ...files,
        ...fresh,
        [file]: `${files[file]}\n${fixture === "express" ? "//" : "#"} changed\n`,
      });
      expect(stateOf(first.log, install)).toMatch(/done in/);
      expect(stateOf(second.log, install)).toBe("CACHED");
      expect(second.seconds).toBeLessThan(first.seconds);
      console.log(
        `${fixture}: ${first.seconds.toFixed(1)} s with packages, ${second.seconds.toFixed(1)} s after one changed line`,
      );
    },
  );

  /** How a step of a build ended: `CACHED`, `done in 1.2 s`. */
  const stateOf = (log: string, step: RegExp): string => {
    const number = new RegExp(`^#(\\d+) .*${step.source}`, "m").exec(log)?.[1];
    return new RegExp(`^#${number} (CACHED|done in .*)$`, "m").exec(log)?.[1] ?? `no such step in:\n${log}`;
  };

  test("two stages make a smaller image than one", { timeout: patience }, async () => {
    const files = filesOf("express");
    const one = [
      `FROM ${base.node}`,
      "WORKDIR /app",
      "COPY package*.json ./",
      "RUN npm ci",
      "COPY . .",
      "RUN npm run build",
      'CMD ["npm", "start"]',
    ];
    const single = await make({ ...files, Dockerfile: `${one.join("\n")}\n` });
    const staged = await make(files);
    const { Size: below } = await world.engine.json<Image>("GET", `/images/${base.node}/json`);
    const megabytes = ({ image }: { image: Image }) => (image.Size - below) / 1e6;
    console.log(
      `express: ${megabytes(staged).toFixed(1)} MB in two stages, ${megabytes(single).toFixed(1)} MB in one, above the base`,
    );
    expect(megabytes(staged)).toBeLessThan(megabytes(single) / 2);
  });
});
