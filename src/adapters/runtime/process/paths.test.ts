import { chmodSync, cpSync, existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeOwn } from "../../../host/tree.ts";
import type { Runtime } from "../../../ports/runtime.ts";
import { exited, outputOf, taskSpec } from "../../../testing/conformance/runtime.ts";
import { namespacesLack } from "./confine.ts";
import { processWorld } from "./world.ts";

const root = { uid: 71_500, gid: 71_500 };
const lack = await namespacesLack(tmpdir());
const ways = [
  ...(process.getuid?.() === 0 ? [{ way: "as a user that root gave it", user: root, namespaced: false }] : []),
  ...(lack === null ? [{ way: "in namespaces of its own", user: null, namespaced: true }] : []),
];

async function ran(runtime: Runtime, spec: ReturnType<typeof taskSpec>): Promise<string> {
  await runtime.startTask(spec);
  await exited(runtime, spec.name);
  return (await outputOf(runtime, spec.name)) + (await outputOf(runtime, spec.name, "stderr"));
}

describe.each(ways)("$way", ({ user, namespaced }) => {
  test("what a build made with its path in it works where the artifact runs, on a copy of its own", async () => {
    const world = await processWorld(user ? { userOf: async () => user } : {}, namespaced);
    const runtime = world.open();
    try {
      chmodSync(world.root, 0o711);
      const staged = join(world.root, "staged");
      makeOwn(staged, user);
      // As `python3 -m venv` and `npm install` do it: a script that names its interpreter, a program of a package, a link.
      const made = `mkdir -p .venv/bin node_modules/.bin data; cp /bin/sh .venv/bin/python; ln -s "$PWD/data" link
        printf '#!%s/.venv/bin/python\necho greets; echo x > link/mine; ls "%s/data"\n' "$PWD" "$PWD" > .venv/bin/greet
        printf '#!/bin/sh\necho linted\n' > node_modules/.bin/lint; chmod +x .venv/bin/greet node_modules/.bin/lint; greet; lint`;
      const build = taskSpec(world.artifact, ["/bin/sh", "-c", made], { purpose: "build", artifact: staged });
      expect(await ran(runtime, build)).toBe("greets\nmine\nlinted\n");
      cpSync(staged, world.artifact, { recursive: true, verbatimSymlinks: true });
      mkdirSync(join(world.artifact, "data", "of the artifact"));
      const run = () => ran(runtime, taskSpec(world.artifact, ["/bin/sh", "-c", "rm data/mine; exec greet"]));
      expect([await run(), await run()]).toEqual(Array(2).fill("greets\nmine\nof the artifact\n"));
      expect(existsSync(join(world.directory, "app", "data"))).toBe(false);
    } finally {
      await runtime.close();
      await world.close();
    }
  });
});
