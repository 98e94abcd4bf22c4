import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dataName } from "../../model/instance.ts";
import type { DataSpec } from "../../model/workload.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { exited, instanceSpec, outputOf, type RuntimeWorld, runtimeKey, until } from "./runtime.ts";

export interface WorkloadWorld extends RuntimeWorld {
  /**
   * Leaves a workload there as a later version does, of a kind that this one does not know; tells whether it is
   * unchanged.
   */
  plant(name: string, kind: string): Promise<() => Promise<boolean>>;
}

/** What every runtime must do with workloads by their kinds. */
export function workloadConformance(adapter: string, make: () => Promise<WorkloadWorld>): void {
  describe(`workloads of runtime ${adapter}`, () => {
    let world: WorkloadWorld;
    let runtime: Runtime;

    beforeEach(async () => {
      world = await make();
      runtime = world.open();
    });
    afterEach(async () => {
      await runtime.close();
      await world.close();
    });

    test("a data instance is seen as one, by the next controller too, and is no instance of a service", async () => {
      const spec = dataSpec(world, "echo up $FAIRLEAD_SERVICE $FAIRLEAD_RELEASE.; sleep 600");
      await runtime.start(spec);
      await until(async () => (await outputOf(runtime, spec.name)) === "up db .\n");
      const before = await runtime.observe(runtimeKey);
      expect(before).toMatchObject({ instances: [], tasks: [], unknownKinds: [] });
      expect(before.data).toMatchObject([{ name: spec.name, identity: spec.identity, exit: null }]);
      await runtime.close();
      runtime = world.open();
      expect(await runtime.observe(runtimeKey)).toEqual(before);
      await runtime.signal(spec.name, "SIGKILL");
      await until(async () => (await runtime.observe(runtimeKey)).data[0]?.exit);
      await runtime.remove(spec.name);
      expect(await runtime.keys()).toEqual([]);
    });

    test.each(["queue", "task backup"])("a later version's kind, %s, is observed and left alone", async (kind) => {
      const name = `${instanceSpec(world.artifact, []).name}-later`;
      const isUntouched = await world.plant(name, kind);
      await runtime.close();
      runtime = world.open();
      const { unknownKinds, ...rest } = await runtime.observe(runtimeKey);
      expect(unknownKinds).toEqual([{ name, key: runtimeKey, kind }]);
      expect(rest).toMatchObject({ instances: [], data: [], tasks: [], unreadable: [] });
      expect(await runtime.keys()).toEqual([runtimeKey]);
      await meddleWith(name, { runtime, world });
      expect(await isUntouched()).toBe(true);
    });
  });
}

function sh(script: string): readonly string[] {
  return ["/bin/sh", "-c", script];
}

function dataSpec({ artifact }: WorkloadWorld, script: string): DataSpec {
  const identity = { kind: "data", key: runtimeKey, service: "db", attempt: 0 } as const;
  return { ...instanceSpec(artifact, sh(script)), name: dataName(identity), identity };
}

/** Ends, removes and replaces it, and takes away the last that is known of its environment. */
async function meddleWith(name: string, { runtime, world }: { runtime: Runtime; world: WorkloadWorld }): Promise<void> {
  await runtime.signal(name, "SIGKILL");
  await runtime.remove(name);
  await runtime.start({ ...instanceSpec(world.artifact, sh("true")), name }).catch(() => undefined);
  await runtime.remove(name);
  const other = instanceSpec(world.artifact, sh("true"), { port: 8_000 });
  await runtime.start(other);
  await exited(runtime, other.name);
  await runtime.remove(other.name);
}
