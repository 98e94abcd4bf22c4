import { Fault } from "../src/base/faults.ts";
import { ContainerEngine } from "../src/host/engine.ts";
import { reach, stopEngine } from "./engine/daemon.ts";
import { imageState, wantedImages } from "./engine/images.ts";
import { recipes } from "./engine/recipes.ts";
import { enginePlace, findEngine, up } from "./engine/up.ts";

/**
 * `bin/fairlead-node tools/engine.ts up [--all]|down|status`: a private container engine for tests and for developing, in
 * `/var/tmp/fairlead-engine` or where FAIRLEAD_ENGINE_DIR says, with small images made from Debian's packages. `up` uses
 * what answers already and makes what is missing; doing it twice is doing it once. `down` stops only that engine and its
 * containers; the images stay for the next time.
 */
const usage = "usage: engine.ts up [--all] | down | status";

async function status(): Promise<number> {
  const socket = (await findEngine(enginePlace())) ?? null;
  if (socket === null) {
    console.log(`no engine answers at ${enginePlace().socket}`);
    return 1;
  }
  const engine = new ContainerEngine(socket);
  try {
    const { api, engine: version } = await engine.version();
    console.log(`engine ${version}, API ${api}: ${socket}`);
    for (const wanted of wantedImages(recipes())) {
      console.log(`${(await imageState(engine, wanted)).padEnd(8)}  ${wanted.name}`);
    }
    return 0;
  } finally {
    engine.close();
  }
}

async function down(): Promise<number> {
  const place = enginePlace();
  const engine = new ContainerEngine(place.socket);
  try {
    const stopped = await stopEngine(place, engine);
    const others = !stopped && (await reach(engine)) === "answers";
    if (stopped) console.log(`stopped the engine of ${place.directory}; its images stay`);
    else
      console.log(
        `no engine of ${place.directory} runs here${others ? ", but another one answers there: left alone" : ""}`,
      );
    return others ? 1 : 0;
  } finally {
    engine.close();
  }
}

async function main(args: readonly string[]): Promise<number> {
  const line = args.join(" ");
  if (line === "up" || line === "up --all") {
    await up({ all: line !== "up", say: console.log });
    return 0;
  }
  if (line === "down") return down();
  if (line === "status") return status();
  console.error(usage);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  console.error(error.detail);
  process.exitCode = 1;
}
