import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Runtime } from "../../../ports/runtime.ts";
import {
  exited,
  instanceSpec,
  outputOf,
  taskSpec,
  until,
  writingScript,
  writtenFiles,
} from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { dockerRuntimeWorld } from "./world.ts";

const socket = testEngine();
const image = testImages.node;

let world: Awaited<ReturnType<typeof dockerRuntimeWorld>>;
let runtime: Runtime;
const cleanups: (() => Promise<unknown>)[] = [];

describe.skipIf(socket === null)(`programs of an image without a user (else: ${noEngine})`, () => {
  beforeEach(async () => {
    world = await dockerRuntimeWorld({ socket: socket ?? "", image });
    runtime = world.open();
  });
  afterEach(async () => {
    await runtime.close();
    for (const clean of cleanups.splice(0)) await clean();
    await world.close();
  });

  test("may write in home, temporary and working directory as plain processes do, although they run as nobody special", async () => {
    const made = `fairlead-test-writes-${process.pid}`;
    const from = pack();
    from.entry({ name: "Dockerfile" }, `FROM ${image}\nWORKDIR /srv/app/in\nENV FROM_IMAGE=1\n`);
    from.entry(
      { name: "linked" },
      `FROM ${image}\nRUN mkdir /real && ln -s /real /app && chmod 777 /real\nWORKDIR /app\n`,
    );
    from.finalize();
    const bytes = await buffer(from);
    cleanups.push(async () => {
      for (const tag of [made, `${made}-linked`])
        await world.engine.json("DELETE", `/images/${tag}`, { query: { force: true } });
    });
    for (const [t, dockerfile] of [
      [made, "Dockerfile"],
      [`${made}-linked`, "linked"],
    ]) {
      const answer = await world.engine.stream("POST", "/build", {
        query: { t, dockerfile },
        upload: { content: bytes },
        withinMs: 60_000,
      });
      await buffer(answer);
    }
    const script = `for d in "$HOME" "$TMPDIR" .; do echo x > "$d/mine" && cat "$d/mine"; done; pwd; ls -ld /srv/app | cut -c1-10`;
    const of = async (artifact: string, more = {}) => {
      const spec = taskSpec(artifact, ["/bin/sh", "-c", script], more);
      await runtime.startTask(spec);
      await exited(runtime, spec.name);
      return (await outputOf(runtime, spec.name)) + (await outputOf(runtime, spec.name, "stderr"));
    };
    expect(await of(made)).toBe("x\nx\nx\n/srv/app/in\ndrwxr-xr-x\n");
    const writing = instanceSpec(made, ["/bin/sh", "-c", writingScript]);
    await runtime.start(writing);
    await until(async () => (await outputOf(runtime, writing.name)) !== "");
    expect(await runtime.written(writing.name)).toEqual(writtenFiles);
    expect(await runtime.written("nobody")).toEqual([]);
    expect(await of(`${made}-linked`)).toMatch(/^x\nx\nx\n\/(?:app|real)\n/);
    expect(await of(made, { env: { HOME: "/nowhere" } })).toContain("/nowhere/mine");
  });
});
