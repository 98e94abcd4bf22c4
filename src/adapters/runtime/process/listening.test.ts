import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Runtime } from "../../../ports/runtime.ts";
import { instanceSpec, outputOf, runtimeKey, until } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "./world.ts";

let world: Awaited<ReturnType<typeof processWorld>>;
let runtime: Runtime;
const told: string[] = [];
const strangers: Server[] = [];

beforeEach(async () => {
  told.length = 0;
  world = await processWorld({ notify: (words) => told.push(words) });
  runtime = world.open();
});
afterEach(async () => {
  for (const server of strangers.splice(0)) server.close();
  await runtime.close();
  await world.close();
});

/** Somebody else who listens. */
async function stranger(host: string, port: number, ipv6Only = false): Promise<void> {
  const server = createServer().listen({ host, port, ipv6Only });
  strangers.push(server);
  await once(server, "listening");
}

/** Starts an instance that runs a script with PORT, and gives name and port when it says `up`. */
async function started(script: string): Promise<{ name: string; port: number }> {
  const spec = instanceSpec(world.artifact, [world.node, "-e", script], { port: 8000 });
  await runtime.start(spec);
  await until(async () => (await outputOf(runtime, spec.name)).includes("up"));
  const { instances } = await runtime.observe(runtimeKey);
  return { name: spec.name, port: instances.find(({ name }) => name === spec.name)?.address?.port ?? 0 };
}

const listen = (host: string) =>
  `require("net").createServer().listen(process.env.PORT, ${host}, () => console.log("up"))`;
const idle = `console.log("up"); setInterval(() => 0, 1000)`;

test.each(["'127.0.0.1'", "'0.0.0.0'", "'::'", "undefined", "'::1'"])(
  "a port on %s is the instance's",
  async (host) => {
    const { name, port } = await started(listen(host));
    expect(await runtime.listening(name)).toEqual([port]);
  },
);

test("so is one of a child in a session of its own", async () => {
  const child = JSON.stringify(listen("'127.0.0.1'"));
  const { name, port } = await started(
    `require("child_process").spawn(process.execPath, ["-e", ${child}], { detached: true, stdio: "inherit" })`,
  );
  expect(await runtime.listening(name)).toEqual([port]);
  process.kill(world.processes().at(-1) ?? 0, "SIGKILL");
});

test.each([
  ["127.0.0.1", idle],
  ["0.0.0.0", idle],
  ["::", idle],
  ["127.0.0.1", listen("'::1'")],
  ["0.0.0.0", listen("'::1'")],
])("a port whose 127.0.0.1 somebody else answers at %s is not the instance's", async (host, script) => {
  const late = script === idle ? script : `setTimeout(() => { ${script} }, 200); console.log("begun up")`;
  const { name, port } = await started(late);
  await stranger(host, port);
  if (script !== idle) await until(async () => (await outputOf(runtime, name)).endsWith("up\nup\n"));
  expect(await runtime.listening(name)).toEqual([]);
});

test("who listens less precisely than the instance takes nothing from it", async () => {
  const { name, port } = await started(listen("'127.0.0.1'"));
  await stranger("::", port, true);
  expect(await runtime.listening(name)).toEqual([port]);
});

test.each(["127.0.0.1", "0.0.0.0", "::1", "::"])(
  "a port that somebody else has at %s is skipped, and said with who that is",
  async (host) => {
    const { port } = await started(idle);
    const next = port === world.ports.to ? world.ports.from : port + 1;
    await stranger(host, next);
    const other = await started(idle);
    expect(other.port).not.toBe(next);
    expect(told).toEqual([expect.stringMatching(new RegExp(`port ${next} .*process ${process.pid} of uid`))]);
  },
);

test("when strangers have all, the fault names them", async () => {
  await runtime.close();
  runtime = world.reopen({ ports: { from: world.ports.from, to: world.ports.from + 1 } });
  await stranger("127.0.0.1", world.ports.from);
  await stranger("::1", world.ports.from + 1);
  await expect(started(idle)).rejects.toMatchObject({
    code: "runtime.ports-exhausted",
    detail: expect.stringMatching(new RegExp(`2 by processes that are not instances: .*process ${process.pid}`)),
  });
});
