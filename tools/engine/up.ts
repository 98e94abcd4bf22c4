import { Fault } from "../../src/base/faults.ts";
import { ContainerEngine } from "../../src/host/engine.ts";
import { type Place, placeIn, reach, startEngine } from "./daemon.ts";
import { imageState, remake, wantedImages } from "./images.ts";
import { provide } from "./programs.ts";
import { recipes } from "./recipes.ts";

/** Short, because a socket's path ends at 107 bytes; not below a home directory, and not lost when the machine starts. */
export const usualDirectory = "/var/tmp/fairlead-engine";
/** Where an engine listens that was installed for other things. */
const systemSocket = "/var/run/docker.sock";

export function enginePlace(): Place {
  return placeIn(process.env.FAIRLEAD_ENGINE_DIR || usualDirectory);
}

export interface UpOptions {
  /** Also the images that are made on request only. */
  readonly all: boolean;
  readonly say: (line: string) => void;
}

export interface Up {
  readonly socket: string;
  /** Whether it was started just now. */
  readonly started: boolean;
}

/**
 * An engine for tests with its images: one that answers already, else a private one, started. Faults: `operation.failed`
 * with the reason why there can be none here.
 */
export async function up({ all, say }: UpOptions): Promise<Up> {
  const place = enginePlace();
  // Where installing an engine starts it (Debian with systemd does), that one answers afterwards.
  const found = (await findEngine(place)) ?? (await provideEngine()) ?? (await findEngine(place));
  const engine = new ContainerEngine(found ?? place.socket);
  try {
    if (found === null) await startEngine(place, engine);
    const { api, engine: version } = await engine.version();
    say(`engine ${version}, API ${api}, ${found === null ? "started" : "was there"}: ${engine.socket}`);
    await makeImages(engine, { all, say });
    return { socket: engine.socket, started: found === null };
  } finally {
    engine.close();
  }
}

/**
 * The socket of an engine that answers: as FAIRLEAD_TEST_ENGINE says, else the private one, else the machine's own. That
 * one is used because a second engine in the same network would fight it over bridge and firewall; tests touch only
 * objects with their own labels.
 */
export async function findEngine(place: Place): Promise<string | null> {
  const named = process.env.FAIRLEAD_TEST_ENGINE;
  for (const socket of named ? [named] : [place.socket, systemSocket]) {
    const engine = new ContainerEngine(socket);
    const found = await reach(engine);
    engine.close();
    if (found === "answers") return socket;
    if (found === "closed") throw new Fault("operation.failed", `this user cannot open ${socket}`);
  }
  if (named) throw new Fault("operation.failed", `no engine answers at ${named} (FAIRLEAD_TEST_ENGINE)`);
  return null;
}

async function provideEngine(): Promise<null> {
  const missing = await provide("engine");
  if (missing !== null) throw new Fault("operation.failed", missing);
  if (process.getuid?.() !== 0) throw new Fault("operation.failed", "only root can start an engine");
  return null;
}

async function makeImages(engine: ContainerEngine, { all, say }: UpOptions): Promise<void> {
  for (const wanted of wantedImages(recipes().filter(({ onRequest }) => all || !onRequest))) {
    const state = await imageState(engine, wanted);
    if (state === "foreign") say(`${wanted.name}: not built by this tool; used unchanged`);
    if (state === "foreign" || state === "current") continue;
    const missing = await provide("images");
    if (missing !== null) throw new Fault("operation.failed", `${wanted.name} cannot be built: ${missing}`);
    say(`${wanted.name}: ${state}, building`);
    const startedAt = performance.now();
    await remake(engine, wanted);
    say(`${wanted.name}: built in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  }
}
