import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Fault } from "../../../base/faults.ts";
import { hasVariable, statOf } from "../../../host/proc.ts";
import type { VolumeId } from "../../../model/volume.ts";
import type { AttachingRuntime, Runtime } from "../../../ports/runtime.ts";
import { wallClock } from "../../../testing/clock.ts";
import { runtimeKey } from "../../../testing/conformance/runtime.ts";
import { ownPorts } from "../../../testing/ports.ts";
import { type ProcessRuntimeOptions, processRuntime } from "./runtime.ts";
import { oneUser } from "./tenants.ts";

const nodeDirectory = join(process.execPath, "..");
/** A mark in every process of a test, by which those that were left behind are found. */
const markName = "FAIRLEAD_TEST_WORLD";

/**
 * For tests: a process runtime on a directory of its own, whose end fails when a process was left behind; what it runs has
 * namespaces of its own and sees nothing else of that directory, or neither.
 */
export async function processWorld(more: Partial<ProcessRuntimeOptions> = {}, namespaced = false) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "fairlead-run-")));
  const artifact = join(root, "artifact");
  mkdirSync(artifact);
  const directory = join(root, "run");
  const options: ProcessRuntimeOptions = {
    directory,
    volumeDirectory: join(root, "volumes"),
    ports: await ownPorts(60),
    userOf: oneUser(null),
    baseEnv: { PATH: `${nodeDirectory}:/usr/bin:/bin`, [markName]: root },
    buildEnv: {},
    artifactDirectory: () => artifact,
    programsFor: async () => ({ path: more.baseEnv?.PATH ?? `${nodeDirectory}:/usr/bin:/bin` }),
    closed: namespaced ? { directory: root, shared: [] } : null,
    mostProcesses: null,
    clock: wallClock,
    guard: null,
    notify: () => undefined,
    ...more,
  };
  return {
    root,
    artifact,
    directory,
    ports: options.ports,
    node: process.execPath,
    extraVariables: ["PATH", "HOME", "TMPDIR", markName],
    open: (): AttachingRuntime => processRuntime(options),
    /** On the same directory, but otherwise. */
    reopen: (other: Partial<ProcessRuntimeOptions>): Runtime => processRuntime({ ...options, ...other }),
    processes: () => markedProcesses(root),
    /** See `WorkloadWorld`. */
    plant: async (name: string, kind: string) => {
      const [word, purpose] = kind.split(" ");
      const record = JSON.stringify({
        kind: word,
        spec: { name, key: runtimeKey, purpose, command: ["x"] },
        port: null,
      });
      const file = join(directory, name, "spec.json");
      mkdirSync(join(directory, name), { recursive: true });
      writeFileSync(file, record);
      return async () => readFileSync(file, "utf8") === record;
    },
    /** See `VolumeWorld`. */
    squat: async ({ key, name }: VolumeId) => {
      const place = join(root, "volumes", key.app, key.environment, name);
      mkdirSync(join(place, "data"), { recursive: true });
      return async () => existsSync(join(place, "data"));
    },
    close: async () => {
      await endAll(processRuntime(options));
      await nothingLeft(root);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function endAll(runtime: Runtime): Promise<void> {
  for (const key of await runtime.keys()) {
    const { instances, data, tasks } = await runtime.observe(key);
    for (const { name, exit } of [...instances, ...data, ...tasks]) if (!exit) await runtime.signal(name, "SIGKILL");
  }
  await runtime.close();
}

function markedProcesses(root: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && hasVariable(pid, `${markName}=${root}`))
    .filter((pid) => !"ZX".includes(statOf(pid)?.state ?? "X"));
}

async function nothingLeft(root: string): Promise<void> {
  for (let looks = 0; looks < 1_000 && markedProcesses(root).length > 0; looks += 1) await pause(5);
  const left = markedProcesses(root);
  for (const pid of left) process.kill(pid, "SIGKILL");
  if (left.length > 0) throw new Fault("operation.failed", `${left.length} processes were left behind`);
}
