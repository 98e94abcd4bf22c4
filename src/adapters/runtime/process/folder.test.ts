import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { instanceSpec, runtimeKey } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "./world.ts";

test("an instance that a version before kinds wrote down is one of a service", async () => {
  const world = await processWorld();
  let runtime = world.open();
  const spec = instanceSpec(world.artifact, ["/bin/sleep", "1000"]);
  await runtime.start(spec);
  const before = await runtime.observe(runtimeKey);
  await runtime.close();
  const file = join(world.directory, spec.name, "spec.json");
  const written = JSON.parse(readFileSync(file, "utf8"));
  const { kind: _, ...identity } = written.spec.identity;
  writeFileSync(file, JSON.stringify({ ...written, kind: "instance", spec: { ...written.spec, identity } }));
  runtime = world.open();
  expect(await runtime.observe(runtimeKey)).toEqual(before);
  expect(before.instances).toMatchObject([{ identity: spec.identity }]);
  await runtime.close();
  await world.close();
});
