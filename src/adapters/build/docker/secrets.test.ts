import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../../../base/digest.ts";
import { Secret } from "../../../base/secret.ts";
import { buildxProgram } from "../../../testing/buildx.ts";
import { wallClock } from "../../../testing/clock.ts";
import { admitFiles, artifactSpec, builtOrNot, forWhom, tarOf } from "../../../testing/conformance/builder.ts";
import { outputOf, runtimeKey } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { processWorld } from "../../runtime/process/world.ts";
import { imageOf } from "./images.ts";
import type { WayName } from "./ways.ts";
import { dockerBuildWorld } from "./world.ts";

const socket = testEngine();
const canary = `canary-${randomBytes(12).toString("hex")}`;
const token = `token-${randomBytes(40_000).toString("hex")}`;
const told = `told-${randomBytes(12).toString("hex")}`;

describe.skipIf(socket === null)(`a secret of the controller's or of the source's (else: ${noEngine})`, () => {
  let docker: Awaited<ReturnType<typeof buildxProgram>>;
  let world: ReturnType<typeof dockerBuildWorld>;

  beforeAll(async () => {
    process.env.FAIRLEAD_CANARY = canary;
    docker = await buildxProgram(socket ?? "");
  });
  afterEach(() => world.close());
  afterAll(() => {
    delete process.env.FAIRLEAD_CANARY;
    docker.remove();
  });

  const open = async (way: WayName) => {
    const more = { ways: [way], docker };
    world = dockerBuildWorld(await processWorld(), {
      socket: socket ?? "",
      base: testImages.debian,
      clock: wallClock,
      more,
    });
    return world.open();
  };

  test.for(["buildx", "buildkit"] as const)(
    "is in no layer, history, label or log, though a step gets it; what the manifest gives as an argument is, as it says: %s",
    async (way) => {
      const builder = await open(way);
      const { files } = world.told(
        { ".dockerignore": "key.pem\n", "key.pem": canary, "conf/a": "public" },
        "env; cat key.pem conf/a /proc/self/cmdline || true",
      );
      const mounted = "RUN --mount=type=secret,id=TOKEN sha256sum /run/secrets/TOKEN > digest && cat digest";
      const more = `ARG TOLD PLAIN\nENV TOLD=$TOLD PLAIN=$PLAIN\n${mounted}\nWORKDIR`;
      const source = await admitFiles(builder, {
        ...files,
        Dockerfile: files.Dockerfile?.replace("WORKDIR", more) ?? "",
      });
      const spec = { ...artifactSpec(source, null), args: { TOLD: told } };
      const variables = {
        plain: { PLAIN: `plain-${way}` },
        secret: { TOKEN: new Secret(token), OTHER: new Secret(canary) },
        registries: {},
      };
      await builder.build(spec, forWhom, variables);
      expect(await builtOrNot(builder, spec.digest)).toEqual({ state: "built" });
      const image = imageOf(spec.digest);
      const [task] = await builder.builds.tasks(runtimeKey);
      const texts = {
        log: await outputOf(world.runtime, task?.name ?? ""),
        task: JSON.stringify(task),
        history: JSON.stringify(await world.engine.json("GET", `/images/${image}/history`)),
        labels: JSON.stringify(await world.engine.json("GET", `/images/${image}/json`)),
      };
      expect(texts.log).toContain(`builds with ${way === "buildx" ? "docker buildx" : "BuildKit of the engine"}\n`);
      expect(texts.log).toContain("public");
      expect(texts.log).toContain(sha256(token).replace("sha256:", ""));
      for (const text of Object.values(texts)) expect(text).not.toMatch(new RegExp(`${canary}|${token.slice(0, 40)}`));
      for (const text of [told, `plain-${way}`]) expect(texts.labels).toContain(text);
      expect(await occurs(await world.engine.stream("GET", `/images/${image}/get`), ["public", canary, token])).toEqual(
        ["public"],
      );
    },
  );

  test("does not come in under a name that says what it is", async () => {
    const builder = await open("buildkit");
    const admitting = builder.admit(`sha256:${"0".repeat(64)}`, tarOf({ name: "app/.env", text: `KEY=${canary}` }));
    await expect(admitting).rejects.toMatchObject({ code: "source.unsafe" });
  });
});

/** Which of these texts are somewhere in a stream, also where two of its chunks meet. */
async function occurs(stream: AsyncIterable<Buffer>, texts: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    const bytes = Buffer.concat([rest, chunk]);
    for (const text of texts) if (bytes.includes(text)) found.add(text);
    rest = bytes.subarray(-100_000);
  }
  return [...found].sort();
}
