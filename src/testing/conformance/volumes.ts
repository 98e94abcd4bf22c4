import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Mount, VolumeId } from "../../model/volume.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { limitOf } from "./limit.ts";
import { exited, instanceSpec, outputOf, type RuntimeWorld, runtimeKey, until } from "./runtime.ts";

export interface VolumeWorld extends RuntimeWorld {
  /**
   * Puts something where a volume of this environment would be, that is somebody else's; tells whether it is unchanged.
   */
  squat(volume: VolumeId): Promise<() => Promise<boolean>>;
}

const volume: VolumeId = { key: runtimeKey, name: "db-data" };
const mount: Mount = { volume: volume.name, path: "/var/lib/data", readOnly: false };

let world: VolumeWorld;
let runtime: Runtime;

/** What a script says that has the volume, to its end. */
async function said(script: string, more: Partial<Mount> = {}): Promise<string> {
  const command = ["/bin/sh", "-c", `cd "$FAIRLEAD_VOLUME_DB_DATA" || exit 9; ${script}`];
  const spec = instanceSpec(world.artifact, command, { volumes: [{ ...mount, ...more }] });
  await runtime.start(spec);
  await exited(runtime, spec.name);
  const words = (await outputOf(runtime, spec.name)) + (await outputOf(runtime, spec.name, "stderr"));
  await runtime.remove(spec.name);
  return words;
}

async function outlives(): Promise<void> {
  await runtime.volumes.ensure(volume);
  expect(await said("ls; echo kept > file; mkdir sub; echo made")).toBe("made\n");
  await runtime.volumes.ensure(volume);
  await runtime.close();
  runtime = world.open();
  expect(await runtime.keys()).toEqual([]);
  expect(await said("cat file; ls -d sub")).toBe("kept\nsub\n");
  expect(await runtime.volumes.list(runtimeKey)).toEqual([volume]);
  expect(await runtime.volumes.list({ ...runtimeKey, environment: "staging" })).toEqual([]);
}

async function goesByNameAlone(): Promise<void> {
  await runtime.volumes.ensure(volume);
  await runtime.volumes.ensure({ ...volume, name: "other" });
  const remove = (confirmed: string) => runtime.volumes.remove(volume, confirmed);
  const spec = instanceSpec(world.artifact, ["/bin/sh", "-c", "echo up; sleep 600"], { volumes: [mount] });
  await runtime.start(spec);
  await until(async () => (await outputOf(runtime, spec.name)) === "up\n");
  await expect(remove("other")).rejects.toMatchObject({ code: "confirm.needed", confirm: volume.name });
  await expect(remove(volume.name)).rejects.toMatchObject({ code: "operation.failed" });
  await runtime.signal(spec.name, "SIGKILL");
  await exited(runtime, spec.name);
  await runtime.remove(spec.name);
  expect(await runtime.volumes.list(runtimeKey)).toHaveLength(2);
  await remove(volume.name);
  await remove(volume.name);
  expect(await runtime.volumes.list(runtimeKey)).toEqual([{ ...volume, name: "other" }]);
  // What is gone is not made again by an instance that wants it, which would begin with nothing.
  expect(await said("echo begun")).toContain("its volume db-data is not there");
  await runtime.volumes.ensure(volume);
  expect(await said("ls")).toBe("");
}

async function leavesOthersAlone(): Promise<void> {
  const isUntouched = await world.squat(volume);
  await expect(runtime.volumes.ensure(volume)).rejects.toMatchObject({ code: "operation.failed" });
  expect(await runtime.volumes.list(runtimeKey)).toEqual([]);
  expect(await said("echo begun")).toContain("its volume db-data is not there");
  await runtime.volumes.remove(volume, volume.name);
  expect(await isUntouched()).toBe(true);
}

async function isSealed(): Promise<void> {
  await runtime.volumes.ensure(volume);
  expect(await said("echo kept > file")).toBe("");
  const words = await said("cat file; echo new > file || echo refused; touch more || echo refused", { readOnly: true });
  expect(words.split("\n").filter((line) => !line.includes(":"))).toEqual(["kept", "refused", "refused", ""]);
  expect(await said("cat file; ls")).toBe("kept\nfile\n");
}

/** What every runtime must do with volumes. `unsealed`: why nothing keeps an instance from writing what it may only read. */
export function volumeConformance(adapter: string, make: () => Promise<VolumeWorld>, unsealed: string | null): void {
  describe(`volumes of runtime ${adapter}`, () => {
    beforeEach(async () => {
      world = await make();
      runtime = world.open();
    });
    afterEach(async () => {
      await runtime.close();
      await world.close();
    });

    test(
      "what is written in a volume outlives the instance and the controller, and another environment has none",
      outlives,
    );
    test(
      "a volume is deleted when its name is given and no living instance has it, and never otherwise",
      goesByNameAlone,
    );
    test("what is somebody else's in a volume's place is neither used nor deleted", leavesOthersAlone);
    test.each(["../etc", "", "A", ".aside", "a/b"])("%j names no volume", async (name) => {
      await expect(runtime.volumes.ensure({ ...volume, name })).rejects.toMatchObject({ code: "request.invalid" });
      await expect(runtime.volumes.remove({ ...volume, name }, name)).rejects.toMatchObject({
        code: "request.invalid",
      });
    });
    const sentence = "who has a volume to read only is refused writing";
    if (unsealed === null) test(sentence, isSealed);
    else test.skip(sentence, limitOf(unsealed));
  });
}
