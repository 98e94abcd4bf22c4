import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ContainerEngine } from "../../../host/engine.ts";
import type { Runtime } from "../../../ports/runtime.ts";
import { exited, instanceSpec, outputOf, runtimeKey, until } from "../../../testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { lineTo } from "./line.ts";
import { dockerRuntimeWorld } from "./world.ts";

const socket = testEngine();
const image = testImages.node;

describe.skipIf(socket === null)(`a container that cannot be looked at (else: ${noEngine})`, () => {
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

  const idle = () => instanceSpec(image, ["node", "-e", "console.log('up'); setInterval(() => {}, 9)"]);
  const idOf = async (name: string) => {
    const all = await world.containers();
    return all.find(({ Names }) => Names.includes(`/${name}`))?.Id ?? "";
  };
  const inspectionOf = async (name: string) => new RegExp(`^GET \\S+/containers/${await idOf(name)}/json`);
  const seen = async (from = runtime) => {
    const { instances, tasks, unreadable } = await from.observe(runtimeKey);
    return { seen: [...instances, ...tasks].map(({ name }) => name), unreadable };
  };
  /** Its end makes the engine be asked about it. */
  const kill = (name: string) =>
    world.engine.json("POST", `/containers/${name}/kill`, { query: { signal: "SIGKILL" } });

  test.each([
    ["a refusal", { status: 500, body: `{"message":"layer is gone"}` }, "layer is gone"],
    ["a refusal that is not JSON", { status: 500, body: "<html>" }, "<html>"],
    ["no JSON", { status: 200, body: "]]" }, "not JSON"],
    ["nothing", { status: 200, body: "" }, "contains no state"],
    ["another shape", { status: 200, body: `{"State":null}` }, "contains no state"],
    ["no answer at all", null, "no answer within"],
  ])("with %s is told alone, and is seen again when it can be", async (_, reply, why) => {
    const [odd, fine] = [idle(), idle()];
    await runtime.start(odd);
    await runtime.start(fine);
    line.answer(await inspectionOf(odd.name), reply);
    await kill(odd.name);
    const told = await until(async () => {
      const now = await seen();
      return now.unreadable.length > 0 && now;
    });
    expect(told).toEqual({
      seen: [fine.name],
      unreadable: [{ name: odd.name, identity: odd.identity, why: expect.stringContaining(why) }],
    });
    // What is not known to have ended is neither begun again nor removed.
    await runtime.start(odd);
    await expect(runtime.remove(odd.name)).rejects.toMatchObject({ code: "operation.failed" });
    const another = idle();
    await runtime.start(another);
    await until(async () => (await outputOf(runtime, another.name)) === "up\n");
    line.answerNothing();
    expect(await exited(runtime, odd.name)).toMatchObject({ reason: "signalled", signal: "SIGKILL" });
    expect((await seen()).unreadable).toEqual([]);
  });

  test("does not hide the others from a controller that begins, nor do labels that cannot be read", async () => {
    const [odd, fine] = [idle(), idle()];
    await runtime.start(odd);
    await runtime.start(fine);
    const labels = { "fairlead.installation": world.installation, "fairlead.kind": "task", "fairlead.task": "{" };
    const key = { "fairlead.app": runtimeKey.app, "fairlead.environment": runtimeKey.environment };
    const torn = `torn-${odd.name}`;
    const body = { Image: image, Cmd: ["true"], Labels: { ...labels, ...key } };
    await world.engine.json("POST", "/containers/create", { query: { name: torn }, body });
    line.answer(await inspectionOf(odd.name), { status: 500, body: "{}" });
    const next = world.open({ engine: new ContainerEngine(line.path) });
    const { seen: names, unreadable } = await seen(next);
    await next.close();
    await world.engine.json("DELETE", `/containers/${torn}`);
    expect(names).toEqual([fine.name]);
    expect(unreadable.map(({ name }) => name).sort()).toEqual([odd.name, torn].sort());
  });

  test.each([409, 500])(
    "that the engine does not take away (%i) after its end is told, and goes by itself later",
    async (status) => {
      const spec = instanceSpec(image, ["/bin/true"]);
      await runtime.start(spec);
      await exited(runtime, spec.name);
      line.answer(new RegExp(`^DELETE \\S+/containers/${await idOf(spec.name)}`), {
        status,
        body: `{"message":"in use"}`,
      });
      await runtime.remove(spec.name);
      expect(await seen()).toEqual({
        seen: [],
        unreadable: [{ name: spec.name, identity: spec.identity, why: "in use" }],
      });
      line.answerNothing();
      await until(async () => (await world.containers()).length === 0);
      await until(async () => (await seen()).unreadable.length === 0);
    },
  );

  test("that was never begun and is half removed is told, and not asked after without an end", async () => {
    const spec = idle();
    line.cutAt({ request: /POST \S+\/start/, when: "before" });
    await expect(runtime.start(spec)).rejects.toMatchObject({ code: "engine.unreachable" });
    line.answer(/^DELETE /, { status: 409, body: `{"message":"removal is already in progress"}` });
    line.mend();
    const told = await until(() =>
      seen().then(
        (now) => now.unreadable.length > 0 && now,
        () => false,
      ),
    );
    expect(told).toMatchObject({ seen: [], unreadable: [{ name: spec.name, why: "removal is already in progress" }] });
    line.answerNothing();
    await until(async () => (await world.containers()).length === 0);
  });
});
