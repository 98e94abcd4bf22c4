import { mkdir } from "node:fs/promises";
import { Fault } from "../../../base/faults.ts";
import { isAlive } from "../../../host/alive.ts";
import { startChild } from "../../../host/child.ts";
import { openLog } from "../../../host/files.ts";
import type { FrontProxies } from "../../../model/route.ts";
import type { Clock } from "../../../ports/clock.ts";
import { askHello } from "./admin-client.ts";
import type { Hello } from "./admin-server.ts";
import { checkSocketPath, edgeFiles, readNote } from "./files.ts";
import type { Listen } from "./front.ts";

/** How the edge process ends when it cannot start; src/main/edge.ts sets them. */
export const exitCodes = { inUse: 3, otherRuns: 4, refused: 5, secureInUse: 6 } as const;

/** A cold start of the program on a busy machine. */
const startMs = 20_000;
/** Between two looks at a starting edge. */
const lookMs = 10;

export interface StartOptions {
  readonly directory: string;
  readonly listen: Listen;
  readonly secure: Listen | null;
  readonly proxies: FrontProxies;
  readonly entry: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/** The edge that runs for this directory, started when there is none. Faults: `listen.in-use`, `edge.unreachable`, `usage.invalid`. */
export async function ensureEdge(options: StartOptions): Promise<Hello> {
  const { socket } = edgeFiles(options.directory);
  checkSocketPath(socket);
  const deadline = options.clock.now() + startMs;
  let child: Spawned | null = null;
  for (;;) {
    const hello = await askHello(socket);
    // Of edges started at the same moment one stays. Ours must have ended before this returns if it is not the one, or it
    // could come up alone after somebody stopped that one.
    if (hello !== null && (child === null || child.pid === hello.pid || child.gone())) return hello;
    // One that runs without answering is starting or ending: the first will answer, the second make room.
    if (child === null && !(await isRunning(options.directory))) child = await spawnEdge(options);
    const code = child?.ended() ?? null;
    if (code !== null) throw startFault(code, options);
    if (options.clock.now() > deadline) throw new Fault("edge.unreachable", "The edge does not answer in time.");
    await pause(options.clock);
  }
}

async function isRunning(directory: string): Promise<boolean> {
  const note = await readNote(directory);
  return note !== null && (await isAlive(note));
}

interface Spawned {
  readonly pid: number | undefined;
  gone(): boolean;
  /** Its exit code when it ended other than for an edge that already runs; null otherwise. */
  ended(): number | null;
}

async function spawnEdge({ directory, listen, secure, proxies, entry, env }: StartOptions): Promise<Spawned> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const log = await openLog(edgeFiles(directory).log);
  let code: number | null = null;
  let gone = false;
  try {
    const tls = secure === null ? [] : ["--secure-host", secure.host, "--secure-port", String(secure.port)];
    const place = ["--directory", directory, "--host", listen.host, "--port", String(listen.port), ...tls];
    const child = startChild([...entry, ...place, ...proxyArguments(proxies)], {
      env,
      stdio: ["ignore", log.fd, log.fd],
      detached: true,
    });
    child.once("exit", (exit) => {
      gone = true;
      code = exit === exitCodes.otherRuns ? null : (exit ?? -1);
    });
    child.once("error", () => {
      gone = true;
      code = -1;
    });
    child.unref();
    return { pid: child.pid, gone: () => gone, ended: () => code };
  } finally {
    await log.close();
  }
}

function proxyArguments({ trust, proxyProtocol }: FrontProxies): readonly string[] {
  const trusted = trust.length > 0 ? ["--trust-proxy", trust.join(",")] : [];
  return proxyProtocol ? [...trusted, "--proxy-protocol"] : trusted;
}

function startFault(code: number, { directory, listen, secure }: StartOptions): Fault {
  if (code === exitCodes.inUse) {
    return new Fault("listen.in-use", `Something else listens on ${listen.host}:${listen.port}.`);
  }
  if (code === exitCodes.secureInUse) {
    return new Fault("listen.in-use", `Something else listens on ${secure?.host}:${secure?.port}, meant for TLS.`);
  }
  return new Fault("edge.unreachable", `The edge ended while it started (exit code ${code}).`, {
    hint: `Read the last lines of ${edgeFiles(directory).log}.`,
  });
}

/** The clock's own pause does not keep a process alive, and a command that waits for the edge must not end. */
function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const alive = setInterval(() => undefined, 2 ** 30);
    clock.after(lookMs, () => {
      clearInterval(alive);
      resolve();
    });
  });
}
