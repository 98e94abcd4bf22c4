import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dataName } from "../../model/instance.ts";
import type { DataSpec } from "../../model/workload.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { exited, instanceSpec, outputOf, type RuntimeWorld, runtimeKey, until } from "./runtime.ts";

export interface WorkloadWorld extends RuntimeWorld {
  /** Leaves a workload there as a later version does, of a kind that this one does not know; tells whether it is as it was. */
  plant(name: string, kind: string): Promise<() => Promise<boolean>>;
}

/** What every runtime must do with workloads by their kinds. */
export function workloadConformance(adapter: string, make: () => Promise<WorkloadWorld>): void {
  describe(`workloads of runtime ${adapter}`, () => {
    let world: WorkloadWorld;
    let runtime: Runtime;
    const sh = (script: string) => ["/bin/sh", "-c", script];
    const data = (script: string, more: Partial<DataSpec> = {}): DataSpec => {
      const identity = { kind: "data", key: runtimeKey, service: "db", attempt: 0 } as const;
      return { ...instanceSpec(world.artifact, sh(script)), name: dataName(identity), identity, ...more };
    };

    beforeEach(async () => {
      world = await make();
      runtime = world.open();
    });
    afterEach(async () => {
      await runtime.close();
      await world.close();
    });

    test("a data instance is seen as one, by the next controller too, and is no instance of a service", async () => {
      const spec = data("echo up $FAIRLEAD_SERVICE $FAIRLEAD_RELEASE.; sleep 600");
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

    test.each(["queue", "task backup"])(
      "what a later version started, of kind %s, is observed and left alone",
      async (kind) => {
        const name = `${instanceSpec(world.artifact, []).name}-later`;
        const isUntouched = await world.plant(name, kind);
        await runtime.close();
        runtime = world.open();
        const { unknownKinds, ...rest } = await runtime.observe(runtimeKey);
        expect(unknownKinds).toEqual([{ name, key: runtimeKey, kind }]);
        expect(rest).toMatchObject({ instances: [], data: [], tasks: [], unreadable: [] });
        expect(await runtime.keys()).toEqual([runtimeKey]);
        await runtime.signal(name, "SIGKILL");
        await runtime.remove(name);
        // Nor is it replaced by what wants its name, or goes with the last that is known of its environment.
        await runtime.start({ ...instanceSpec(world.artifact, sh("true")), name }).catch(() => undefined);
        await runtime.remove(name);
        const other = instanceSpec(world.artifact, sh("true"), { port: 8_000 });
        await runtime.start(other);
        await exited(runtime, other.name);
        await runtime.remove(other.name);
        expect(await isUntouched()).toBe(true);
      },
    );
  });
}
