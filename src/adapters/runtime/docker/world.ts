import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { ContainerEngine } from "../../../host/engine.ts";
import { installationLabel } from "../../../host/installation.ts";
import type { VolumeId } from "../../../model/volume.ts";
import type { AttachingRuntime, Runtime } from "../../../ports/runtime.ts";
import { wallClock } from "../../../testing/clock.ts";
import { runtimeKey } from "../../../testing/conformance/runtime.ts";
import type { Listed } from "./container.ts";
import { keyLabels } from "./labels.ts";
import { type DockerRuntimeOptions, dockerRuntime } from "./runtime.ts";
import { EngineVolumes } from "./volumes.ts";

/** What an image brings, and what the engine adds. */
const imageVariables = ["PATH", "HOME", "TMPDIR", "HOSTNAME", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"];

/** For tests: a docker runtime of an installation of its own, whose end fails when a container was left unseen. */
export async function dockerRuntimeWorld({ socket, image }: { socket: string; image: string }) {
  const engine = new ContainerEngine(socket);
  const installation = randomBytes(8).toString("hex");
  const directory = mkdtempSync(join(tmpdir(), "fl-docker-"));
  const options: DockerRuntimeOptions = {
    engine,
    installation,
    directory: join(directory, "run"),
    imageOf: (digest) => digest.replace("sha256:", "fairlead-artifact:"),
    path: "/usr/bin:/bin",
    clock: wallClock,
    failed: (fault) => {
      throw fault;
    },
  };
  const filters = { label: [`${installationLabel}=${installation}`] };
  const all = () => engine.json<Listed[]>("GET", "/containers/json", { query: { all: true, filters } });
  const squatted: string[] = [];
  const volumes = new EngineVolumes(engine, installation);
  const removeAll = async () => {
    for (const { Id } of await all()) {
      await engine.json("DELETE", `/containers/${Id}`, { query: { force: true, v: true } });
    }
    const networks = await engine.json<{ Id: string }[]>("GET", "/networks", { query: { filters } });
    for (const { Id } of networks) await engine.json("DELETE", `/networks/${Id}`);
    const { Volumes } = await engine.json<{ Volumes: { Name: string }[] | null }>("GET", "/volumes", {
      query: { filters },
    });
    for (const Name of [...(Volumes ?? []).map((each) => each.Name), ...squatted])
      await engine.json("DELETE", `/volumes/${Name}`);
  };
  return {
    engine,
    installation,
    directory: options.directory,
    artifact: image,
    node: "node",
    extraVariables: imageVariables,
    open: (more: Partial<DockerRuntimeOptions> = {}): AttachingRuntime => dockerRuntime({ ...options, ...more }),
    containers: all,
    /** See `WorkloadWorld` and `VolumeWorld`. */
    plant: (name: string, kind: string) => plant({ engine, installation, image }, { name, kind }),
    squat: (volume: VolumeId) => squat(engine, { Name: volumes.nameOf(volume), squatted }),
    /** Begins to run a program in a container. */
    execute: async (name: string, command: readonly string[]) => {
      const { Id } = await engine.json<{ Id: string }>("POST", `/containers/${name}/exec`, { body: { Cmd: command } });
      await engine.json("POST", `/exec/${Id}/start`, { body: { Detach: true } });
    },
    close: async () => {
      const unseen = await unseenOf(dockerRuntime(options), await all());
      await removeAll();
      engine.close();
      rmSync(directory, { recursive: true, force: true });
      if (unseen.length > 0) throw new Fault("operation.failed", `left behind: ${unseen.join(", ")}`);
    },
  };
}

/** The containers that a runtime does not know of. */
async function unseenOf(runtime: Runtime, containers: readonly Listed[]): Promise<readonly string[]> {
  const seen = new Set<string>();
  for (const key of await runtime.keys()) {
    const { instances, data, tasks, unknownKinds } = await runtime.observe(key);
    for (const { name } of [...instances, ...data, ...tasks, ...unknownKinds]) seen.add(`/${name}`);
  }
  await runtime.close();
  return containers.flatMap(({ Names }) => Names).filter((name) => !seen.has(name));
}

interface Place {
  readonly engine: ContainerEngine;
  readonly installation: string;
  readonly image: string;
}

async function plant({ engine, installation, image }: Place, { name, kind }: { name: string; kind: string }) {
  const [word, purpose] = kind.split(" ");
  const task = JSON.stringify({ name, key: runtimeKey, purpose });
  const labels = { "fairlead.kind": word, ...(purpose ? { "fairlead.task": task } : {}) };
  const Labels = { ...keyLabels(installation, runtimeKey), ...labels };
  const body = { Image: image, Cmd: ["sleep", "600"], Labels };
  const { Id } = await engine.json<{ Id: string }>("POST", "/containers/create", { query: { name }, body });
  await engine.json("POST", `/containers/${Id}/start`);
  const state = () => engine.json<{ State: { Running: boolean } }>("GET", `/containers/${Id}/json`);
  return async () => (await state()).State.Running;
}

async function squat(engine: ContainerEngine, { Name, squatted }: { Name: string; squatted: string[] }) {
  await engine.json("POST", "/volumes/create", { body: { Name, Labels: { squatted: "yes" } } });
  squatted.push(Name);
  return async () => (await engine.json<{ Name: string }>("GET", `/volumes/${Name}`)).Name === Name;
}
