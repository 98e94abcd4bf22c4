import { realpath, writeFile } from "node:fs/promises";
import { Fault, isErrno } from "../../../base/faults.ts";
import { startChild } from "../../../host/child.ts";
import { openLog } from "../../../host/files.ts";
import { type AddressError, addressErrors, refusedAddress } from "../../../host/refused-address.ts";
import type { User } from "../../../host/users.ts";
import type { Address } from "../../../model/instance.ts";
import type { FrontProxies } from "../../../model/route.ts";
import type { Clock } from "../../../ports/clock.ts";
import { takeOver } from "../table/takeover.ts";
import { askHello } from "./admin-client.ts";
import type { Hello } from "./admin-server.ts";
import { checkSocketPath, embeddedFiles, isNotedRunning, readEmbeddedNote } from "./files.ts";

/** How the edge process ends when it cannot start; src/main/edge.ts sets them. */
export const exitCodes = { inUse: 3, otherRuns: 4, refused: 5, secureInUse: 6 } as const;
/** From here on, with 10 more for the TLS address: the place in `addressErrors` of why an address is refused. */
const addressExit = 10;

export function addressExitCode(error: AddressError, isSecure: boolean): number {
  return addressExit + (isSecure ? 10 : 0) + addressErrors.indexOf(error);
}

/** A cold start of the program on a busy machine. */
const startMs = 20_000;
/** Between two checks a starting edge. */
const lookMs = 10;

export interface StartOptions {
  readonly directory: string;
  readonly listen: Address;
  readonly secure: Address | null;
  readonly proxies: FrontProxies;
  readonly entry: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** The edge's user; null: that of this process. Only root can set it. */
  readonly user: User | null;
  readonly clock: Clock;
}

/** The edge that runs for this directory, started when there is none. Faults: `listen.in-use`, `edge.unreachable`, `usage.invalid`. */
export async function ensureEdge(options: StartOptions): Promise<Hello> {
  const { socket } = embeddedFiles(options.directory);
  checkSocketPath(socket);
  const deadline = performance.now() + startMs;
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
    if (performance.now() > deadline) throw new Fault("edge.unreachable", "The edge does not answer in time.");
    await pause(options.clock);
  }
}

async function isRunning(directory: string): Promise<boolean> {
  const note = await readEmbeddedNote(directory);
  return note !== null && (await isNotedRunning(note));
}

interface Spawned {
  readonly pid: number | undefined;
  gone(): boolean;
  /** Its exit code when it ended other than for an edge that already runs; null otherwise. */
  ended(): number | null;
}

async function spawnEdge(options: StartOptions): Promise<Spawned> {
  const { directory, listen, secure, proxies, env, user } = options;
  const files = embeddedFiles(directory);
  const doors = [{ ...listen, note: files.port }, ...(secure === null ? [] : [{ ...secure, note: files.securePort }])];
  await takeOver(directory, { user, doors });
  const log = await openLog(files.log);
  let code: number | null = null;
  let gone = false;
  try {
    const tls = secure === null ? [] : ["--secure-host", secure.host, "--secure-port", String(secure.port)];
    const place = [
      "--directory",
      await realpath(directory),
      "--host",
      listen.host,
      "--port",
      String(listen.port),
      ...tls,
    ];
    const child = startChild(commandOf(options, [...place, ...proxyArguments(proxies)]), {
      env,
      // So that it needs no way to it.
      cwd: directory,
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
    if (user !== null && child.pid !== undefined) await keepLast(child.pid);
    return { pid: child.pid, gone: () => gone, ended: () => code };
  } finally {
    await log.close();
  }
}

/** Of util-linux, which every Linux distribution for servers has. */
export const setpriv = "/usr/bin/setpriv";
/** From here on ports need a right of root (ip_unprivileged_port_start of ip(7)). */
const lowestFreePort = 1_024;

/**
 * What runs the edge as its user, with no right beyond it but the one to ports below 1024, where it has one: its doors for internal
 * services are opened and closed while it runs. No program that it may start gives it another one.
 */
function commandOf(
  { user, listen, secure, entry }: StartOptions,
  words: readonly string[],
): readonly [string, ...string[]] {
  if (user === null) return [...entry, ...words];
  const isLow = [listen.port, secure?.port ?? 0].some((port) => port > 0 && port < lowestFreePort);
  const rights = isLow ? "-all,+net_bind_service" : "-all";
  const who = [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups", "--no-new-privs"];
  const caps = ["inh-caps", "ambient-caps", "bounding-set"].map((set) => `--${set}=${rights}`);
  return [setpriv, ...who, ...caps, ...entry, ...words];
}

/** As dockerd does for itself: of what there is to kill for memory, the one that all sites need comes late. */
const oomScore = "-500";

async function keepLast(pid: number): Promise<void> {
  try {
    await writeFile(`/proc/${pid}/oom_score_adj`, oomScore);
  } catch (thrown) {
    // In a container root may lack the right, and one that ended needs it no more.
    if (!isErrno(thrown, "EACCES", "EPERM", "ENOENT", "ESRCH")) throw thrown;
  }
}

function proxyArguments({ trust, proxyProtocol }: FrontProxies): readonly string[] {
  const trusted = trust.length > 0 ? ["--trust-proxy", trust.join(",")] : [];
  return proxyProtocol ? [...trusted, "--proxy-protocol"] : trusted;
}

function startFault(code: number, { directory, listen, secure }: StartOptions): Fault {
  if (code === exitCodes.inUse) {
    return new Fault("listen.in-use", `Another process listens on ${listen.host}:${listen.port}.`);
  }
  if (code === exitCodes.secureInUse) {
    return new Fault("listen.in-use", `Another process listens on ${secure?.host}:${secure?.port}, meant for TLS.`);
  }
  for (const error of addressErrors) {
    const isSecure = code === addressExitCode(error, true);
    if (!isSecure && code !== addressExitCode(error, false)) continue;
    const { detail, hint } = refusedAddress(error, (isSecure ? secure : null) ?? listen);
    return new Fault("edge.unreachable", detail, { hint });
  }
  return new Fault("edge.unreachable", `The edge ended while it started (exit code ${code}).`, {
    hint: `Read the last lines of ${embeddedFiles(directory).log}.`,
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
