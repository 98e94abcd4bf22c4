import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ContainerEngine } from "../../../host/engine.ts";
import type { Runtime, RuntimeChange } from "../../../ports/runtime.ts";
import { exited, instanceSpec, outputOf, runtimeKey, taskSpec, until } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { lineTo } from "./line.ts";
import { dockerRuntimeWorld } from "./world.ts";

const socket = testEngine();
const image = testImages.node;
const unreachable = { code: "engine.unreachable" };

describe.skipIf(socket === null)(`an engine that goes away (else: ${noEngine})`, () => {
  let world: Awaited<ReturnType<typeof dockerRuntimeWorld>>;
  let line: Awaited<ReturnType<typeof lineTo>>;
  let runtime: Runtime;

  beforeEach(async () => {
    world = await dockerRuntimeWorld({ socket: socket ?? "", image });
    line = await lineTo(socket ?? "");
    runtime = world.open({ engine: new ContainerEngine(line.path) });
  });
  afterEach(async () => {
    await runtime.close();
    line.close();
    await world.close();
  });

  /** Counts until it is told to stop, so that a gap can be seen. */
  const counting = (more = {}) => {
    const script = `let i = 0; setInterval(() => console.log("line " + i++), 2); process.on("SIGTERM", () => process.exit(3))`;
    return instanceSpec(image, ["node", "-e", script], more);
  };
  const linesOf = async (name: string, from = runtime) => (await outputOf(from, name)).trimEnd().split("\n");
  const inOrder = (lines: readonly string[]) => lines.every((each, i) => each === `line ${i}`);

  test("is a fault for who observes, and never an empty world; when it is back, all is told and no line is lost", async () => {
    const spec = counting({ port: 8000 });
    await runtime.start(spec);
    await until(async () => (await linesOf(spec.name)).length > 50);
    const before = await runtime.observe(runtimeKey);
    const heard: RuntimeChange[] = [];
    runtime.changes((change) => heard.push(change));
    line.cut();
    await expect(until(() => runtime.observe(runtimeKey).then(() => false))).rejects.toMatchObject(unreachable);
    await expect(runtime.keys()).rejects.toMatchObject(unreachable);
    const missed = (await linesOf(spec.name)).length;
    heard.splice(0);
    await pause(300);
    line.mend();
    await until(() => heard.some((change) => change.what === "state"));
    expect(await runtime.observe(runtimeKey)).toEqual(before);
    await until(async () => (await linesOf(spec.name)).length > missed + 200);
    expect(inOrder((await linesOf(spec.name)).slice(0, -1))).toBe(true);
  });

  test("does not hide what ended meanwhile: its exit is seen when it is back, with all that it wrote", async () => {
    const spec = counting();
    await runtime.start(spec);
    await until(async () => (await linesOf(spec.name)).length > 50);
    line.cut();
    await world.engine.json("POST", `/containers/${spec.name}/kill`, { query: { signal: "SIGTERM" } });
    await until(async () => (await world.containers())[0]?.State === "exited");
    line.mend();
    const exit = await until(async () => {
      const world = await runtime.observe(runtimeKey).catch(() => null);
      return world?.instances[0]?.exit;
    });
    expect(exit).toMatchObject({ code: 3, reason: "exited" });
    const lines = await linesOf(spec.name);
    expect(inOrder(lines)).toBe(true);
    const logs = await world.engine.stream("GET", `/containers/${spec.name}/logs`, {
      query: { stdout: true, tail: 1 },
    });
    let tail = "";
    for await (const chunk of logs) tail += Buffer.from(chunk).subarray(8).toString();
    expect(`${lines.at(-1)}\n`).toBe(tail);
  });

  test("loses no last words of what ends while the world is being looked at again", async () => {
    const spec = taskSpec(image, ["/bin/sh", "-c", "echo up; until test -e /tmp/now; do sleep 0.02; done; echo last"]);
    await runtime.startTask(spec);
    await until(async () => (await outputOf(runtime, spec.name)) === "up\n");
    runtime.changes(() => undefined);
    line.cut();
    line.hold(/GET \S+\/containers\/\w+\/json/);
    line.mend();
    await until(() => line.holds());
    await world.execute(spec.name, ["touch", "/tmp/now"]);
    await until(() => line.hasSaid(/"Action":"die"/));
    line.letGo();
    expect(
      await until(() =>
        runtime.observe(runtimeKey).then(
          ({ tasks }) => tasks[0]?.exit,
          () => null,
        ),
      ),
    ).toMatchObject({
      code: 0,
    });
    expect(await outputOf(runtime, spec.name)).toBe("up\nlast\n");
  });

  test.each(["before", "after"] as const)(
    "%s it hears of a start, or answers, does not begin a task twice",
    async (when) => {
      const spec = taskSpec(image, ["/bin/sh", "-c", "echo once; sleep 0.2"]);
      line.cutAt({ request: /POST \S+\/start/, when });
      await expect(runtime.startTask(spec)).rejects.toMatchObject(unreachable);
      line.mend();
      await until(() =>
        runtime.startTask(spec).then(
          () => true,
          () => false,
        ),
      );
      expect(await exited(runtime, spec.name)).toMatchObject({ code: 0 });
      expect(await outputOf(runtime, spec.name)).toBe("once\n");
      expect(await world.containers()).toHaveLength(1);
    },
  );

  test.each(["before", "after"] as const)(
    "%s it hears of a new container, or answers, leaves none behind",
    async (when) => {
      const spec = counting();
      line.cutAt({ request: /POST \S+\/containers\/create/, when });
      await expect(runtime.start(spec)).rejects.toMatchObject(unreachable);
      line.mend();
      await until(() =>
        runtime.start(spec).then(
          () => true,
          () => false,
        ),
      );
      await until(async () => (await linesOf(spec.name)).length > 10);
      expect(await world.containers()).toHaveLength(1);
    },
  );

  test("makes no difference to a controller that is killed at any moment: the next one loses and doubles no line", async () => {
    const spec = counting();
    await runtime.start(spec);
    for (const lines of [20, 300, 900]) {
      await until(async () => (await linesOf(spec.name)).length > lines);
      // What is on the disk now is all that another controller would find after a kill.
      const directory = mkdtempSync(join(tmpdir(), "fl-killed-"));
      cpSync(world.directory, directory, { recursive: true });
      const next = world.open({ directory });
      await next.keys();
      await until(async () => (await linesOf(spec.name, next)).length > lines + 100);
      await next.close();
      expect(inOrder((await linesOf(spec.name, next)).slice(0, -1))).toBe(true);
      rmSync(directory, { recursive: true });
    }
  });
});
