import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { installationLabel } from "../../../host/installation.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { AttachingRuntime } from "../../../ports/runtime.ts";
import { withBuilds } from "./beside.ts";
import { type DockerBuilder, type DockerBuilderOptions, dockerBuilder } from "./builder.ts";
import { findImage } from "./images.ts";

/** Where builds can be tried: a directory, and a runtime beside which they are shown. */
interface Place {
  readonly root: string;
  open(): AttachingRuntime;
  close(): Promise<void>;
}

interface WorldOptions {
  readonly socket: string;
  /** An image with a shell. */
  readonly base: string;
  readonly clock: Clock;
  readonly more?: Partial<DockerBuilderOptions>;
}

/** For tests: a builder on a real engine with an installation of its own, whose end takes away all images of it. */
export function dockerBuildWorld(place: Place, { socket, base, clock, more = {} }: WorldOptions) {
  const engine = new ContainerEngine(socket);
  const installation = `test-${randomBytes(6).toString("hex")}`;
  const options: DockerBuilderOptions = {
    engine,
    directory: join(place.root, "store"),
    installation,
    clock,
    recipeOf: () => ({ lookedFor: ["package.json"] }),
    limits: { memoryBytes: null, cpus: null },
    room: { reserveBytes: 0, floorBytes: 0 },
    atOnce: 2,
    docker: null,
    ways: ["buildkit"],
    notify: () => undefined,
    ...more,
  };
  const opened: DockerBuilder[] = [];
  const open = (): DockerBuilder => {
    const builder = dockerBuilder(options);
    opened.push(builder);
    return builder;
  };
  const first = open();
  const given = new Set<DockerBuilder>();
  const runtime = withBuilds(place.open(), first.builds);
  return {
    root: place.root,
    directory: options.directory,
    installation,
    engine,
    runtime,
    /** Another one on the same place; the first call gives the one whose builds the runtime shows. */
    open: () => {
      const next = given.size === 0 ? first : open();
      given.add(next);
      return next;
    },
    /**
     * Every time another Dockerfile, so that no cache of a previous run hides what a script prints; labelled from its
     * first step on, so that what the classic builder leaves of a failed build is found as well.
     */
    told: (files: Readonly<Record<string, string>>, script: string | null) => ({
      files: { ...files, Dockerfile: dockerfileOf({ base, label: `${installationLabel}=${installation}` }, script) },
      command: null,
    }),
    image: (name: string) => findImage(engine, name),
    close: async () => {
      await endAll(opened);
      await removeImages(engine, installation);
      engine.close();
      await runtime.close();
      await place.close();
    },
  };
}

function dockerfileOf({ base, label }: { base: string; label: string }, script: string | null): string {
  const run = script === null ? "" : `RUN ${JSON.stringify(["/bin/sh", "-c", script])}\n`;
  return `FROM ${base}\nLABEL ${label} try=${randomBytes(6).toString("hex")}\nWORKDIR /w\nCOPY . .\n${run}`;
}

async function endAll(builders: readonly DockerBuilder[]): Promise<void> {
  for (const { builds } of builders) {
    for (const key of await builds.keys()) {
      for (const { name, exit } of await builds.tasks(key)) if (!exit) await builds.signal(name, "SIGKILL");
    }
  }
}

/** The classic builder's steps carry the labels too: what is made of another goes first, and takes it along. */
async function removeImages(engine: ContainerEngine, installation: string): Promise<void> {
  const query = { all: true, filters: { label: [`${installationLabel}=${installation}`] } };
  for (let left = -1; left !== 0; ) {
    const images = await engine.json<readonly { Id: string }[]>("GET", "/images/json", { query });
    if (images.length === left) throw new Fault("operation.failed", `${left} images cannot be removed`);
    left = images.length;
    for (const { Id } of images) await removeImage(engine, Id);
  }
}

async function removeImage(engine: ContainerEngine, id: string): Promise<void> {
  try {
    await engine.json("DELETE", `/images/${id}`, { query: { force: true } });
  } catch (thrown) {
    if (!isRefusal(thrown, 404, 409)) throw thrown;
  }
}
