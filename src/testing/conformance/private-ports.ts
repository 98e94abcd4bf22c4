import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EnvKey } from "../../model/environment.ts";
import type { Address } from "../../model/instance.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { limitOf } from "./limit.ts";
import { exited, instanceSpec, outputOf, type RuntimeWorld, runtimeKey, taskSpec, until } from "./runtime.ts";

const staging: EnvKey = { ...runtimeKey, environment: "staging" };
const server = `for (const port of [5432, 6334]) require("net").createServer((socket) => socket.end("port " + port + "\\n"))
  .listen(process.env["PORT_" + port], process.env.HOST, () => console.log("up"))`;

let world: RuntimeWorld;
let runtime: Runtime;

/** What a task of an environment gets at an address; it gives up after two seconds. */
async function dialled(key: EnvKey, { host, port }: Address): Promise<string> {
  const script = `const socket = require("net").connect(${port}, "${host}");
    socket.setTimeout(2_000, () => socket.destroy(new Error("nothing")));
    socket.on("error", () => console.log("refused")).pipe(process.stdout)`;
  const spec = taskSpec(world.artifact, [world.node, "-e", script], { key });
  await runtime.startTask(spec);
  await until(async () => (await runtime.observe(key)).tasks.find(({ name }) => name === spec.name)?.exit);
  const words = await outputOf(runtime, spec.name);
  await runtime.remove(spec.name);
  return words;
}

/** Starts a server on two ports for its environment, beside the one that the edge dials. */
async function serving() {
  const spec = instanceSpec(world.artifact, [world.node, "-e", server], { port: 8_000, tcpPorts: [5432, 6334] });
  await runtime.start(spec);
  await until(async () => (await outputOf(runtime, spec.name)) === "up\nup\n");
  const seen = async () => (await runtime.observe(runtimeKey)).instances.find(({ name }) => name === spec.name);
  const ports = (await seen())?.privatePorts ?? [];
  expect(ports.map(({ port }) => port)).toEqual([5432, 6334]);
  return { name: spec.name, ports, seen };
}

async function isReached(): Promise<void> {
  const { name, ports, seen } = await serving();
  const before = await seen();
  await runtime.close();
  runtime = world.open();
  expect(await seen()).toEqual(before);
  for (const { port, at } of ports) expect(await dialled(runtimeKey, at)).toBe(`port ${port}\n`);
  expect(new Set([before?.address, ...ports.map(({ at }) => at)].map((at) => `${at?.host}:${at?.port}`)).size).toBe(3);
  await runtime.signal(name, "SIGKILL");
  await exited(runtime, name);
}

async function isRefused(): Promise<void> {
  const { ports } = await serving();
  for (const { port, at } of ports) {
    expect(await dialled(staging, at)).toBe("refused\n");
    expect(await dialled(runtimeKey, at)).toBe(`port ${port}\n`);
  }
}

/** What every runtime must do with ports that are for an environment alone. `open`: why others reach them, too. */
export function privatePortConformance(adapter: string, make: () => Promise<RuntimeWorld>, open: string | null): void {
  describe(`private ports of runtime ${adapter}`, () => {
    beforeEach(async () => {
      world = await make();
      runtime = world.open();
    });
    afterEach(async () => {
      await runtime.close();
      await world.close();
    });

    test(
      "an instance is reached at each of its ports by others of its environment, also by the next controller",
      isReached,
    );
    const sentence = "another environment does not reach them";
    if (open === null) test(sentence, isRefused);
    else test.skip(sentence, limitOf(open));
  });
}
