import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Runtime } from "../../../ports/runtime.ts";
import { instanceSpec, outputOf, runtimeKey, until } from "../../../testing/conformance/runtime.ts";
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

const portOf = async (name: string) => {
  const { instances } = await runtime.observe(runtimeKey);
  return instances.find((one) => one.name === name)?.address?.port ?? 0;
};

describe("who answers at the address of an instance is told", () => {
  const listening = (host: string) =>
    `require("net").createServer().on("error", () => console.log("taken")).listen(process.env.PORT, ${host}, () => console.log("up")); setInterval(() => {}, 1000)`;
  const runs = async (script: string) => {
    const spec = instanceSpec(world.artifact, [world.node, "-e", script], { port: 8000 });
    await runtime.start(spec);
    return spec.name;
  };
  const said = (name: string) => until(async () => (await outputOf(runtime, name)) !== "");

  test.each(['"127.0.0.1"', '"0.0.0.0"', "undefined"])("the instance itself, on %s", async (host) => {
    const name = await runs(listening(host));
    await said(name);
    expect(await runtime.strangerAt(name)).toBeNull();
  });

  test("an instance's own child", async () => {
    const script = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(listening("undefined"))}], { stdio: "inherit" })`;
    const name = await runs(script);
    await said(name);
    expect(await runtime.strangerAt(name)).toBeNull();
  });

  test("somebody who was faster", async () => {
    const name = await runs("setInterval(() => {}, 1000)");
    const squatter = createServer().listen(await portOf(name), "127.0.0.1");
    await once(squatter, "listening");
    expect(await runtime.strangerAt(name)).toMatchObject({ isThere: true });
    expect((await runtime.strangerAt(name))?.who).toContain(`process ${process.pid} of uid`);
    squatter.close();
    await once(squatter, "close");
    expect(await runtime.strangerAt(name)).toMatchObject({ isThere: false });
  });

  test("another instance, also when the first listens beside it on other addresses", async () => {
    const name = await runs(
      `require("net").createServer().listen({ port: process.env.PORT, host: "::1" }, () => console.log("up")); setInterval(() => {}, 1000)`,
    );
    await said(name);
    const other = await runs(
      `require("net").createServer().listen(${await portOf(name)}, "127.0.0.1", () => console.log("up"))`,
    );
    await said(other);
    expect(await runtime.strangerAt(name)).toMatchObject({ isThere: true });
  });
});
