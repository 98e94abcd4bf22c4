import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { withBuilds } from "../adapters/build/docker/beside.ts";
import { dockerBuilder } from "../adapters/build/docker/builder.ts";
import { imageOf } from "../adapters/build/docker/images.ts";
import { usualRoom } from "../adapters/build/docker/room.ts";
import { everyWay } from "../adapters/build/docker/ways.ts";
import { dockerRuntime } from "../adapters/runtime/docker/runtime.ts";
import type { Fault } from "../base/faults.ts";
import { detect } from "../detect/detect.ts";
import type { ContainerEngine } from "../host/engine.ts";
import type { Builder } from "../ports/builder.ts";
import type { Clock } from "../ports/clock.ts";
import type { AttachingRuntime } from "../ports/runtime.ts";

export interface ContainerOptions {
  readonly stateDirectory: string;
  readonly engine: ContainerEngine;
  readonly installation: string;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Receives notices for people. */
  readonly notify: (words: string) => void;
}

/** Instances as containers from images. A build gets half of the machine, so that it does not starve what serves. */
export function containers(options: ContainerOptions): { runtime: AttachingRuntime; builder: Builder } {
  const { engine, installation, env, clock, notify } = options;
  const at = (name: string) => join(options.stateDirectory, name);
  const path = env.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const builder = dockerBuilder({
    engine,
    directory: at("store"),
    installation,
    clock,
    recipeOf: detect,
    limits: { memoryBytes: Math.floor(totalmem() / 2), cpus: Math.max(0.5, availableParallelism() / 2) },
    room: usualRoom,
    atOnce: 2,
    docker: { path: "docker", env: { PATH: path, HOME: env.HOME ?? "/" } },
    ways: everyWay,
    notify,
  });
  const failed = (fault: Fault) =>
    notify(`unexpected: ${fault.cause instanceof Error ? fault.cause.stack : fault.detail}`);
  const runtime = dockerRuntime({ engine, installation, directory: at("run"), imageOf, path, clock, failed });
  return { runtime: withBuilds(runtime, builder.builds), builder };
}
