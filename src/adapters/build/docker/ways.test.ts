import { createServer, request } from "node:http";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Secret } from "../../../base/secret.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom } from "../../../testing/conformance/builder.ts";
import { outputOf, runtimeKey } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld, wallClock } from "../../runtime/process/world.ts";
import { dockerWorld } from "./world.ts";

const socket = testEngine() ?? "";
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** The engine behind a door that says no to some calls, as an engine that lacks something does. */
async function behind(path: string, refuses: (url: string) => boolean): Promise<string> {
  const server = createServer((asked, answer) => {
    if (refuses(asked.url ?? "")) {
      answer.writeHead(400, { "Content-Type": "application/json" }).end('{"message":"no such builder"}');
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

test.skipIf(socket === "")(
  `an engine without BuildKit builds with its classic builder, but nothing that needs secrets (else: ${noEngine})`,
  async () => {
    const place = await processWorld();
    const door = await behind(join(place.root, "door"), (url) => /\/build\?.*version=2/.test(url));
    const more = { ways: ["buildkit", "classic"] } as const;
    const world = dockerWorld(place, { socket: door, base: testImages.debian, clock: wallClock, more });
    stops.push(() => world.close());
    const builder = world.open();
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
      detail: "the engine's classic builder has no build secrets, and NPM_TOKEN is one: BuildKit is needed",
    });
  },
);
