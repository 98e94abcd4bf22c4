import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Fault, isErrno } from "../../src/base/faults.ts";
import { startChild } from "../../src/host/child.ts";
import { type ContainerEngine, isRefusal, isUnreachable } from "../../src/host/engine.ts";
import { searchPath } from "./programs.ts";
import { ownEnvironment } from "./run.ts";

/** The files of one private engine. */
export interface Place {
  readonly directory: string;
  readonly socket: string;
  readonly config: string;
  readonly data: string;
  readonly exec: string;
  readonly pid: string;
  readonly log: string;
}

const startMs = 30_000;
const stopMs = 30_000;
/** The longest path of a socket that Linux takes. */
const socketBytes = 107;

export function placeIn(directory: string): Place {
  const at = (name: string): string => join(directory, name);
  return {
    directory,
    socket: at("docker.sock"),
    config: at("daemon.json"),
    data: at("data"),
    exec: at("exec"),
    pid: at("pid"),
    log: at("log"),
  };
}

/** `closed`: somebody's engine may be there, but this user may not open its socket. */
export type Reach = "answers" | "closed" | "silent";

export async function reach(engine: ContainerEngine): Promise<Reach> {
  try {
    accessSync(engine.socket, constants.R_OK | constants.W_OK);
    await engine.version();
    return "answers";
  } catch (error) {
    if (isErrno(error, "EACCES")) return "closed";
    if (isErrno(error, "ENOENT", "ENOTDIR") || isUnreachable(error)) return "silent";
    throw error;
  }
}

/**
 * Starts an engine that outlives this process and waits until it answers. Apps continue while it restarts
 * (live-restore), as they do on a server. Faults: `operation.failed` with the end of its log.
 */
export async function startEngine(place: Place, engine: ContainerEngine): Promise<void> {
  if (Buffer.byteLength(place.socket) > socketBytes) {
    throw new Fault("operation.failed", `${place.socket} is longer than the ${socketBytes} bytes of a socket's path`);
  }
  mkdirSync(place.directory, { recursive: true, mode: 0o755 });
  writeFileSync(place.config, '{"live-restore": true}\n');
  const log = openSync(place.log, "a", 0o600);
  const flags = ["--config-file", place.config, "--host", `unix://${place.socket}`, "--data-root", place.data];
  const child = startChild(["dockerd", ...flags, "--exec-root", place.exec, "--pidfile", place.pid], {
    env: { ...ownEnvironment(), PATH: searchPath.join(":") },
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  let ended = false;
  child.once("error", () => (ended = true)).once("exit", () => (ended = true));
  child.unref();
  for (let waited = 0; waited < startMs; waited += 50) {
    if ((await reach(engine)) === "answers") return;
    if (ended) break;
    await pause(50);
  }
  throw new Fault("operation.failed", `dockerd does not start; ${place.log} ends with:\n${tail(place.log)}`);
}

function tail(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-5).join("\n");
}

/** The process that wrote the pid file, if it is still the engine of this place; a number may have been given out again. */
function engineProcess(place: Place): number | null {
  if (!existsSync(place.pid)) return null;
  const pid = Number(readFileSync(place.pid, "utf8"));
  const file = `/proc/${pid}/cmdline`;
  if (!Number.isInteger(pid) || !existsSync(file)) return null;
  return readFileSync(file, "utf8").split("\0").includes(place.pid) ? pid : null;
}

/**
 * Stops the engine whose pid file is in this place, and none other, with the containers that run on it: live-restore
 * would leave them behind. Images and volumes stay for the next start. Answers whether there was one.
 */
export async function stopEngine(place: Place, engine: ContainerEngine): Promise<boolean> {
  const pid = engineProcess(place);
  if (pid === null) return false;
  if ((await reach(engine)) === "answers") await stopContainers(engine);
  await endDaemon(place, pid);
  return true;
}

/**
 * Stops the engine of this place and leaves its containers running (live-restore), as an upgrade of the engine does.
 * Answers whether there was one.
 */
export async function stopDaemon(place: Place): Promise<boolean> {
  const pid = engineProcess(place);
  if (pid !== null) await endDaemon(place, pid);
  return pid !== null;
}

async function endDaemon(place: Place, pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  for (let waited = 0; waited < stopMs; waited += 50) {
    if (engineProcess(place) === null) return;
    await pause(50);
  }
  throw new Fault("operation.failed", `dockerd (process ${pid}) still runs ${stopMs / 1000} s after SIGTERM`);
}

async function stopContainers(engine: ContainerEngine): Promise<void> {
  const running = await engine.json<readonly { Id: string }[]>("GET", "/containers/json");
  for (const { Id } of running) {
    await engine.json("POST", `/containers/${Id}/stop`, { query: { t: 0 } }).catch((error: unknown) => {
      // Ended or gone by itself meanwhile.
      if (!isRefusal(error, 304, 404)) throw error;
    });
  }
}
