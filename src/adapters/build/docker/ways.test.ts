import { createServer, request } from "node:http";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Secret } from "../../../base/secret.ts";
import { ContainerEngine } from "../../../host/engine.ts";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { outputOf, runtimeKey } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld } from "../../runtime/process/world.ts";
import { dockerBuildWorld } from "./world.ts";

const socket = testEngine() ?? "";
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface Answer {
  readonly status: number;
  readonly body: object;
}

/** The engine behind a door that answers some calls itself, as an engine of another kind does. */
async function behind(path: string, answerOf: (url: string) => Answer | undefined): Promise<string> {
  const server = createServer((asked, answer) => {
    const own = answerOf(asked.url ?? "");
    if (own) {
      answer.writeHead(own.status, { "Content-Type": "application/json" }).end(JSON.stringify(own.body));
      asked.resume();
      return;
    }
    const { method, headers } = asked;
    const onward = request({ socketPath: socket, path: asked.url, method, headers }, (said) => {
      answer.writeHead(said.statusCode ?? 500, said.headers);
      said.pipe(answer);
    });
    asked.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  stops.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return path;
}

type Place = Awaited<ReturnType<typeof processWorld>>;
const isBuildkit = /\/build\?.*version=2/;

function begin(place: Place, door: string) {
  const more = { ways: ["buildkit", "classic"] } as const;
  const world = dockerBuildWorld(place, { socket: door, base: testImages.debian, clock: wallClock, more });
  stops.push(() => world.close());
  return { world, builder: world.open() };
}

test.skipIf(socket === "")(
  `an engine without BuildKit builds with its classic builder, but nothing that needs secrets (else: ${noEngine})`,
  async () => {
    const place = await processWorld();
    const refusal = { status: 400, body: { message: "no such builder" } };
    const door = await behind(join(place.root, "door"), (url) => (isBuildkit.test(url) ? refusal : undefined));
    const { world, builder } = begin(place, door);
    const { files } = world.told({ a: "1" }, "echo by; cat a");
    const spec = artifactSpec(await admitFiles(builder, files), null);
    await builder.build(spec, forWhom);
    expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
    const [task] = await builder.builds.tasks(runtimeKey);
    expect(await outputOf(world.runtime, task?.name ?? "")).toMatch(
      /builds with BuildKit of the engine\nbuilds with the engine's classic builder\nStep 1/,
    );
    const other = artifactSpec(await admitFiles(builder, { ...files, b: "2" }), null);
    await builder.build(other, forWhom, { plain: {}, secret: { NPM_TOKEN: new Secret("canary") }, registries: {} });
    expect(await builtOrNot(builder, other.digest)).toMatchObject({
      state: "failed",
      code: "build.failed",
      detail: "the engine's classic builder does not support build secrets, and NPM_TOKEN is one: BuildKit is needed",
    });
  },
);

test.for([
  ["26.1.5+dfsg1", "the engine's classic builder"],
  ["28.0.0", "BuildKit of the engine"],
] as const)("engine %s with its images in containerd builds with %s", async ([version, way], { skip }) => {
  if (socket === "") return skip(noEngine);
  const place = await processWorld();
  const engine = new ContainerEngine(socket);
  const { api } = await engine.version();
  engine.close();
  const told: Readonly<Record<string, object>> = {
    version: { Version: version, ApiVersion: api, MinAPIVersion: api },
    info: { DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]] },
  };
  const door = await behind(join(place.root, "door"), (url) => {
    const body = told[url.split("/").at(-1) ?? ""];
    return body && { status: 200, body };
  });
  const { world, builder } = begin(place, door);
  const spec = artifactSpec(await admitFiles(builder, world.told({ a: "1" }, "cat a").files), null);
  await builder.build(spec, forWhom);
  expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
  const [task] = await builder.builds.tasks(runtimeKey);
  expect(await outputOf(world.runtime, task?.name ?? "")).toContain(`builds with ${way}\n`);
});
