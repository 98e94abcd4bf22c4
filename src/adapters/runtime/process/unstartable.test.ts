import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Runtime } from "../../../ports/runtime.ts";
import { exited, instanceSpec, outputOf } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "./world.ts";

let world: Awaited<ReturnType<typeof processWorld>>;
let runtime: Runtime;

beforeEach(async () => {
  world = await processWorld();
  runtime = world.open();
});
afterEach(async () => {
  await runtime.close();
  await world.close();
});

const sh = (script: string) => ["/bin/sh", "-c", script];

describe("what cannot be started", () => {
  test.each([
    ["NUL in a value", { SECRET: "canary\0" }],
    ["a name with a dot", { "a.b": "canary" }],
    ["a name of the shell", { IFS: "canary" }],
    ["an endless value", { LONG: "canary".repeat(30_000) }],
  ])("%s shows as an exit that says why, without the value", async (_what, env) => {
    const spec = instanceSpec(world.artifact, sh("echo begun"), { env });
    await runtime.start(spec);
    expect((await exited(runtime, spec.name)).reason).toBe("could-not-start");
    expect(await outputOf(runtime, spec.name, "stderr")).toContain(Object.keys(env)[0]);
    expect(await outputOf(runtime, spec.name, "stderr")).not.toContain("canary");
    expect(await outputOf(runtime, spec.name)).toBe("");
    await runtime.start(spec);
    await runtime.remove(spec.name);
  });

  test("an artifact that is gone shows as an exit that names it", async () => {
    const spec = instanceSpec(join(world.root, "gone"), sh("echo begun"));
    await runtime.start(spec);
    expect(await exited(runtime, spec.name)).toMatchObject({ reason: "could-not-start", code: 126 });
    expect(await outputOf(runtime, spec.name, "stderr")).toContain("gone");
  });

  test.each([
    [["nosuchprogram"], "nosuchprogram: not found in PATH\n", 127],
    [["./nosuch"], "./nosuch: not found\n", 127],
    [["/etc/passwd"], "/etc/passwd: is not an executable file\n", 126],
    [["/tmp"], "/tmp: is not an executable file\n", 126],
  ])("the command %j says so in plain words, and names no file of Fairlead", async (command, said, code) => {
    const spec = instanceSpec(world.artifact, command);
    await runtime.start(spec);
    expect(await exited(runtime, spec.name)).toMatchObject({ reason: "could-not-start", code });
    expect(await outputOf(runtime, spec.name, "stderr")).toBe(said);
  });

  test.each(["../escape", "a/b", "", ".hidden", "exits", "x".repeat(201)])("the name %j is refused", async (name) => {
    const spec = instanceSpec(world.artifact, sh("true"), { name });
    await expect(runtime.start(spec)).rejects.toMatchObject({ code: "runtime.start-failed" });
  });

  test("a signal that would end the keeper is refused", async () => {
    await expect(runtime.signal("any", "SIGSEGV")).rejects.toMatchObject({ code: "request.invalid" });
  });
});
