import { appendFile, chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { asFault, Fault } from "../src/base/faults.ts";
import { failureText } from "../src/cli/failure.ts";
import { paintFor } from "../src/cli/paint.ts";
import { startChild } from "../src/host/child.ts";
import { startController } from "../src/main/controller.ts";
import { engineSocket } from "../src/main/platform.ts";
import { type Load, startLoad } from "../test/stories/load/load.ts";
import { removeOwned } from "./engine/owned.ts";

/**
 * `npm run demo`: a controller of its own in a temporary directory, the example app deployed, deployed again under
 * load, broken and rolled back. `--exit` ends it there; otherwise it serves until Ctrl-C. Everything is gone
 * afterwards. `--runtime docker [--engine SOCKET] [--proxy KIND] [--proxy-image IMAGE] [--base IMAGE]` plays it on
 * containers; `--base` is the Node image to build on where the official one cannot be had.
 */
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const env = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
);

function say(text = ""): void {
  process.stdout.write(`${text}\n`);
}

function heading(text: string): void {
  say(`\n\u001b[1m── ${text}\u001b[0m`);
}

interface Stage {
  readonly app: string;
  readonly state: string;
  readonly url: string;
}

/** Runs the real command line, as a person would. */
function fairlead(stage: Stage, ...args: readonly string[]): Promise<number> {
  say(`$ fairlead ${args.join(" ")}`);
  const command = [process.execPath, join(root, "src/main/cli.ts"), ...args, "--state", stage.state] as const;
  const child = startChild(command, { cwd: stage.app, env, stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((done) => child.once("exit", (code) => done(code ?? 1)));
}

async function change(stage: Stage, version: string, fault: string): Promise<void> {
  await writeFile(join(stage.app, "VERSION"), `${version}\n`);
  const file = join(stage.app, "fairlead.yml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/BEACON_FAULT: .*/, `BEACON_FAULT: { default: "${fault}" }`));
}

function load(stage: Stage): Load {
  const host = "web.beacon.localhost";
  return startLoad({ url: stage.url, host, connections: 32, ratePerSecond: 500, streams: 5, sockets: 5, uploads: 1 });
}

async function play(stage: Stage): Promise<boolean> {
  heading("Version 1, from nothing");
  let good = (await fairlead(stage, "deploy")) === 0;

  heading("Version 2, under load: 32 keep-alive connections, event streams, WebSockets, uploads");
  const first = load(stage);
  await change(stage, "2", "");
  good = (await fairlead(stage, "deploy")) === 0 && good;
  const calm = await first.stop();
  say(`  the clients saw: ${calm.failed} failed of ${calm.requests} requests, p99 ${calm.p99.toFixed(1)} ms`);
  good = calm.failed === 0 && calm.requests > 0 && good;

  heading("Version 3 passes its gate but answers 500 afterwards; the watch rolls it back");
  const second = load(stage);
  await change(stage, "3", "errors-after-switch");
  good = (await fairlead(stage, "deploy")) === 1 && good;
  const rough = await second.stop();
  say(`  the clients saw: ${rough.failed} failed of ${rough.requests} requests until version 2 was back`);

  heading("The live release");
  good = (await fairlead(stage, "status")) === 0 && good;
  await fetch(stage.url, { headers: { host: "web.beacon.localhost" } });
  return good;
}

function untilInterrupted(): Promise<void> {
  return new Promise((done) => {
    const beat = setInterval(() => {}, 60_000);
    process.once("SIGINT", () => {
      clearInterval(beat);
      done();
    });
  });
}

/** Faults: `usage.invalid` for what `parseArgs` throws. */
function understood<T>(parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    const hint =
      "The options are --exit, --runtime docker, --engine SOCKET, --proxy KIND, --proxy-image IMAGE, --base IMAGE.";
    throw new Fault("usage.invalid", asFault(thrown).detail, { hint, cause: thrown });
  }
}

function options() {
  const text = { type: "string" } as const;
  const known = {
    exit: { type: "boolean" },
    runtime: text,
    engine: text,
    proxy: text,
    "proxy-image": text,
    base: text,
  } as const;
  const { values } = understood(() => parseArgs({ options: known }));
  const { runtime, engine, base } = values;
  const image = values["proxy-image"];
  const proxy = (["embedded", "haproxy", "container"] as const).find((kind) => kind === values.proxy);
  return {
    runtime: runtime === "docker" ? "docker" : "process",
    ...(engine !== undefined && { engine }),
    ...(proxy !== undefined && { proxy }),
    ...(image !== undefined && { proxyImage: image }),
    base,
  } as const;
}

async function demo(home: string, { base, ...platform }: ReturnType<typeof options>): Promise<number> {
  await chmod(home, 0o711);
  const state = join(home, "state");
  const app = join(home, "beacon");
  await mkdir(state, { mode: 0o711 });
  await cp(join(root, "examples/beacon"), app, { recursive: true });
  const log: string[] = [];
  if (base !== undefined) await appendFile(join(app, "fairlead.yml"), `build: { base: { node: "${base}" } }\n`);
  const controller = await startController({
    stateDirectory: state,
    listen: null,
    edge: { host: "127.0.0.1", port: 0 },
    env,
    onLog: (line) => log.push(line),
    ...platform,
  });
  const stage = { app, state, url: `http://${controller.edge.host}:${controller.edge.port}` };
  try {
    await change(stage, "1", "");
    const good = await play(stage);
    if (!good) say(`\nThe demo failed. The controller's log:\n${log.slice(-20).join("")}`);
    else if (!process.argv.includes("--exit")) {
      say(`\nVersion 2 serves at http://web.beacon.localhost:${controller.edge.port} until you press Ctrl-C.`);
      await untilInterrupted();
    }
    return good ? 0 : 1;
  } finally {
    await fairlead(stage, "down", "--yes");
    await controller.closeWithEdge();
    if (platform.runtime === "docker") await removeOwned(engineSocket(platform.engine, env), state);
  }
}

async function main(): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), "fairlead-demo-"));
  try {
    return await demo(home, options());
  } catch (thrown) {
    process.stderr.write(`${failureText(thrown, paintFor(process.stderr.isTTY), false)}\n`);
    return 1;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

process.exitCode = await main();
