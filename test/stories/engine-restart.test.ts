import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { dockerRuntime } from "../../src/adapters/runtime/docker/runtime.ts";
import type { Fault } from "../../src/base/faults.ts";
import { ContainerEngine } from "../../src/host/engine.ts";
import type { ObservedWorld, Runtime } from "../../src/ports/runtime.ts";
import { wallClock } from "../../src/testing/clock.ts";
import { instanceSpec, outputOf, runtimeKey, taskSpec, until } from "../../src/testing/conformance/runtime.ts";
import { noEngine, testEngine, testImages } from "../../src/testing/engine.ts";
import { OwnEngine, whyNoOwnEngine } from "./own-engine.ts";

const image = testImages.debian;
const from = testEngine();
const reason = from === null ? noEngine : whyNoOwnEngine();

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** A runtime on an engine of its own, with one instance that counts, and has run long enough to be started again. */
async function scene(how: { liveRestore: boolean }) {
  const own = new OwnEngine(how);
  cleanups.push(() => own.close());
  await own.start();
  await own.copyImage(image, from ?? "");
  const directory = mkdtempSync(join(tmpdir(), "fl-restart-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  const installation = randomBytes(8).toString("hex");
  let runtime: Runtime | null = null;
  const open = () => {
    const engine = new ContainerEngine(own.socket);
    const more = { imageOf: (digest: string) => digest, path: "/usr/bin:/bin", clock: wallClock, armedAfterMs: 0 };
    const failed = (fault: Fault) => Promise.reject(fault);
    runtime = dockerRuntime({ engine, installation, directory, failed, ...more });
    return runtime;
  };
  cleanups.push(() => runtime?.close());
  const script = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done";
  const spec = instanceSpec(image, ["/bin/sh", "-c", script], { port: 8000 });
  const first = open();
  await first.start(spec);
  await until(async () => (await outputOf(first, spec.name)).length > 100);
  const inspect = () => own.client.json<Shown>("GET", `/containers/${spec.name}/json`);
  await until(async () => (await inspect()).HostConfig.RestartPolicy.Name === "unless-stopped");
  return { own, spec, runtime: first, open, inspect };
}

interface Shown {
  readonly State: { readonly Running: boolean; readonly StartedAt: string };
  readonly HostConfig: { readonly RestartPolicy: { readonly Name: string } };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

const only = (world: ObservedWorld) => {
  expect(world.instances).toHaveLength(1);
  return world.instances[0] as ObservedWorld["instances"][number];
};
const back = (runtime: Runtime) => until(() => runtime.observe(runtimeKey).catch(() => null));

/** Numbers of the lines, of every run for itself. */
const runsOf = (output: string) =>
  output
    .split(/^(?=line 0\n)/m)
    .filter((run) => run !== "")
    .map((run) => run.trimEnd().split("\n").slice(0, -1));
const inOrder = (lines: readonly string[]) => lines.every((line, i) => line === `line ${i}`);

describe.skipIf(reason !== null)(`an engine that is restarted (else: ${reason})`, () => {
  test("with live-restore: instances go on, nothing is reported to have ended, no line is lost", async () => {
    const { own, spec, runtime } = await scene({ liveRestore: true });
    const before = only(await runtime.observe(runtimeKey));
    runtime.changes(() => undefined);
    await own.stop();
    await expect(runtime.observe(runtimeKey)).rejects.toMatchObject({ code: "engine.unreachable" });
    const length = (await outputOf(runtime, spec.name)).length;
    await own.start();
    expect(only(await back(runtime))).toEqual(before);
    await until(async () => (await outputOf(runtime, spec.name)).length > length + 500);
    const runs = runsOf(await outputOf(runtime, spec.name));
    expect(runs).toHaveLength(1);
    expect(inOrder(runs[0] ?? [])).toBe(true);
  });

  test("without it: the engine's own stop is not taken for a crash, and its new start brings the instance back", async () => {
    const { own, spec, runtime } = await scene({ liveRestore: false });
    const before = only(await runtime.observe(runtimeKey));
    const exits: unknown[] = [];
    runtime.changes(() => {
      void runtime.observe(runtimeKey).then(
        ({ instances }) => exits.push(...instances.map(({ exit }) => exit).filter((exit) => exit !== null)),
        () => null,
      );
    });
    await own.stop();
    await own.start();
    const after = only(await back(runtime));
    expect(after).toMatchObject({ exit: null, address: before.address, identity: before.identity });
    expect(after.startedAt).toBeGreaterThan(before.startedAt);
    await until(async () => runsOf(await outputOf(runtime, spec.name)).length === 2);
    expect(runsOf(await outputOf(runtime, spec.name)).every(inOrder)).toBe(true);
    expect(exits).toEqual([]);
  });

  test("after a loss of power: instances are there before any controller, at their address; tasks are not begun again", async () => {
    const { own, spec, runtime, open, inspect } = await scene({ liveRestore: true });
    const before = only(await runtime.observe(runtimeKey));
    const task = taskSpec(image, ["/bin/sh", "-c", "echo once; sleep 1000"]);
    await runtime.startTask(task);
    await until(async () => (await outputOf(runtime, task.name)) !== "");
    await runtime.close();
    await own.losePower();
    await own.start();
    await until(async () => (await inspect()).State.Running);
    const [network] = Object.values((await inspect()).NetworkSettings.Networks);
    expect(network?.IPAddress).toBe(before.address?.host);
    const next = open();
    const world = await back(next);
    expect(only(world)).toMatchObject({ exit: null, address: before.address, identity: before.identity });
    const ended = await until(async () => (await next.observe(runtimeKey)).tasks.find(({ exit }) => exit !== null));
    expect(ended.name).toBe(task.name);
    await next.startTask(task);
    expect(await outputOf(next, task.name)).toBe("once\n");
    await until(async () => runsOf(await outputOf(next, spec.name)).length === 2);
  });
});
