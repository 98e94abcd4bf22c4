import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { runChild } from "../../../host/child.ts";
import { instanceSpec, outputOf, until } from "../../../testing/conformance/runtime.ts";
import { processWorld } from "./world.ts";

const canary = "canary-4711-in-the-clear";

/** The command of docs/operating.md that makes a backup, as words. */
function documented(): readonly string[] {
  const page = readFileSync(join(import.meta.dirname, "../../../../docs/operating.md"), "utf8");
  const text = /^tar -C \/var\/lib\/fairlead --exclude[\s\S]*? -czf \S+ \.$/m.exec(page)?.[0] ?? "";
  return text.replaceAll(/ \\\n *|'/g, (sign) => (sign === "'" ? "" : " ")).split(" ");
}

test("the documented backup holds nothing that an app, a build or the controller wrote in the clear, and what is needed to find all again", async () => {
  const world = await processWorld();
  const runtime = world.open();
  const state = dirname(world.directory);
  try {
    const script = `for d in . "$HOME" "$TMPDIR"; do echo $K > "$d/mine"; mkdir "$d/in"; echo $K > "$d/in/mine"; done; echo $K; echo $K >&2; sleep 100`;
    const spec = instanceSpec(world.artifact, ["/bin/sh", "-c", script], { env: { K: canary } });
    await runtime.start(spec);
    await until(async () => (await outputOf(runtime, spec.name, "stderr")).includes(canary));
    for (const file of [
      "vault.key",
      "token",
      "store/builds/build-1.log",
      "store/builds/b.json",
      "store/staging/b/out",
    ]) {
      mkdirSync(dirname(join(state, file)), { recursive: true });
      writeFileSync(join(state, file), canary);
    }
    mkdirSync(join(state, "run/.homes/1000/.npm"), { recursive: true });
    writeFileSync(join(state, "run/.homes/1000/.npm/_logs"), canary);
    writeFileSync(join(state, "run/.users.json"), "{}");
    writeFileSync(join(state, "journal.db"), "rows");
    const file = `${state}.tar`;
    const words = documented().map((word) =>
      word.replace("/var/lib/fairlead", state).replace("-czf", "-cf").replace("/root/fairlead.tgz", file),
    );
    expect(words.length).toBeGreaterThan(5);
    const { code, stderr } = await runChild(words as [string, ...string[]], { env: { PATH: process.env.PATH ?? "" } });
    expect([code, stderr]).toEqual([0, ""]);
    const archive = readFileSync(file, "latin1");
    expect(archive.includes(canary)).toBe(false);
    for (const kept of [`./run/${spec.name}/spec.json`, "./run/.users.json", "./journal.db"]) {
      expect(archive).toContain(kept);
    }
  } finally {
    await runtime.close();
    await world.close();
    rmSync(`${state}.tar`, { force: true });
  }
});
