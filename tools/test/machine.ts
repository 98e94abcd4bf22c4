import { Fault } from "../../src/base/faults.ts";
import { ContainerEngine } from "../../src/host/engine.ts";
import { stopEngine } from "../engine/daemon.ts";
import { provide } from "../engine/programs.ts";
import { enginePlace, findEngine, up } from "../engine/up.ts";

/** What tests find of the machine. */
export interface Prepared {
  /** FAIRLEAD_TEST_ENGINE, the engine's socket; empty where there is none, and then FAIRLEAD_NO_ENGINE says why. */
  readonly env: Readonly<Record<string, string>>;
  /** Stops what was started for this run alone. */
  finish(): Promise<void>;
}

export interface Run {
  /** All tests, or a whole kind of them. A run of a few uses what is there, and neither installs nor starts anything. */
  readonly isWhole: boolean;
  /** On a build machine nothing stays behind; for developers the engine stays, because the next run wants it again. */
  readonly isCi: boolean;
}

/** Gets ready what tests need beside Node, as far as this machine and this user allow. Never fails: it says what is missing. */
export async function prepareMachine({ isWhole, isCi }: Run): Promise<Prepared> {
  try {
    const missing = isWhole ? await provide("tests") : null;
    if (missing !== null) console.log(missing);
    const { socket, started } = await engineFor(isWhole);
    return { env: { FAIRLEAD_TEST_ENGINE: socket }, finish: async () => (started && isCi ? stopOwn() : undefined) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    console.log(`no container engine for tests: ${error.detail}`);
    return { env: { FAIRLEAD_TEST_ENGINE: "", FAIRLEAD_NO_ENGINE: error.detail }, finish: async () => undefined };
  }
}

async function engineFor(isWhole: boolean): Promise<{ socket: string; started: boolean }> {
  if (isWhole) return up({ all: false, say: console.log });
  const socket = await findEngine(enginePlace());
  if (socket === null)
    throw new Fault("operation.failed", "none answers; `bin/fairlead-node tools/engine.ts up` starts one");
  return { socket, started: false };
}

async function stopOwn(): Promise<void> {
  const engine = new ContainerEngine(enginePlace().socket);
  await stopEngine(enginePlace(), engine);
  engine.close();
}
