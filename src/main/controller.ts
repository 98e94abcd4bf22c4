import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Logger, pino } from "pino";
import { holdState } from "../adapters/journal/sqlite/lease.ts";
import { rootPath } from "../adapters/runtime/process/confine.ts";
import { sha256 } from "../base/digest.ts";
import { Fault, isErrno } from "../base/faults.ts";
import { seenJson } from "../base/printable.ts";
import { CertificateKeeper } from "../engine/certificates.ts";
import { createEngine } from "../engine/loop.ts";
import { resealAll } from "../engine/values.ts";
import { runChild } from "../host/child.ts";
import { replaceFileSync } from "../host/files.ts";
import { createApi } from "../http/api.ts";
import { plan } from "../plan/decide.ts";
import type { Edge } from "../ports/edge.ts";
import { type AdapterOptions, type Adapters, openAdapters } from "./adapters.ts";
import { type AcmeSettings, certificatesCheck, openCertificates } from "./certificates.ts";
import type { Concern } from "./check.ts";
import { systemClock } from "./clock.ts";
import { Closers } from "./closing.ts";
import { doctor } from "./doctor.ts";
import { listeners } from "./listeners.ts";
import { DiskReserve, reserveFile } from "./reserve.ts";
import { serveSocket, serveTcp } from "./servers.ts";
import { makeStateDirectory } from "./state-directory.ts";
import { refuseLoss, watchStateFiles } from "./state-files.ts";
import { version } from "./version.ts";

export interface ControllerOptions extends AdapterOptions {
  /** Where the API is served over TCP, for those who have the token; null: only on the socket. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  /** The token for TCP; null: the one in the state directory's `token` file, made when it is missing. */
  readonly token?: string | null;
  /** Takes the controller's own log, one JSON line at a time; default: standard error. */
  readonly onLog?: (line: string) => void;
  /** The authority to use; omitted or null: no external one. */
  readonly acme?: AcmeSettings | null;
  /** Whether the log has reads of the API too. */
  readonly verbose?: boolean;
}

export interface RunningController {
  readonly socket: string;
  readonly edge: { readonly host: string; readonly port: number };
  /** Notices for people although nothing is wrong, e.g. that apps run as root. */
  readonly warnings: readonly string[];
  /** Stops deciding and answering, within 9 s whatever hangs; instances and the edge keep running. */
  close(): Promise<void>;
  /** The same, and then stops the edge after its running requests. */
  closeWithEdge(): Promise<void>;
}

/**
 * Starts the controller on a state directory: takes the lease, opens the journal, observes and continues from there.
 * Faults: `usage.invalid` for the state directory, `controller.held`, `journal.newer`, `journal.damaged`,
 * `journal.lost`, `listen.in-use`, `runtime.user`.
 */
export async function startController(options: ControllerOptions): Promise<RunningController> {
  return assembleController(options, (adapters) => adapters);
}

/** The same, with a hook between the controller and its adapters (used by the crash stories). */
export async function assembleController(
  options: ControllerOptions,
  between: (adapters: Adapters) => Adapters,
): Promise<RunningController> {
  const stateDirectory = resolve(options.stateDirectory);
  makeStateDirectory(stateDirectory);
  const onLog = options.onLog ?? ((line: string) => process.stderr.write(line));
  const log = pino(
    { base: null, level: options.verbose ? "debug" : "info", timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => onLog(`${seenJson(line.trimEnd())}\n`) },
  );
  new DiskReserve(reserveFile(stateDirectory), (words) => log.warn(words)).giveWhenFull();
  const lease = holdState(stateDirectory, `fairlead ${version}`);
  const closers = new Closers();
  const close = async () => {
    // Abandoned parts may still write: then only the end of the process releases the lease.
    if (await closers.close((words) => log.error(words))) lease.release();
  };
  try {
    return await run({ ...options, stateDirectory }, { between, closers, close, log });
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/**
 * A core file of this process, or of what it starts, would hold secrets. Without prlimit, whoever starts the controller
 * must set this, as its service does.
 */
async function leaveNoCore(): Promise<void> {
  try {
    await runChild(["prlimit", `--pid=${process.pid}`, "--core=0:0"], { env: { PATH: rootPath }, withinMs: 10_000 });
  } catch (thrown) {
    if (!isErrno(thrown, "ENOENT", "EACCES")) throw thrown;
  }
}

interface Frame {
  readonly between: (adapters: Adapters) => Adapters;
  readonly closers: Closers;
  readonly close: () => Promise<void>;
  readonly log: Logger;
}

async function run(options: ControllerOptions, { between, closers, close, log }: Frame): Promise<RunningController> {
  await leaveNoCore();
  const adapters = between(await openAdapters({ ...options, notify: (words) => log.warn(words) }));
  const { journal, runtime, builder, edge, logs, vault, user, platform, lostFiles } = adapters;
  closers.add("log", () => log.info("the controller has stopped"));
  for (const [what, port] of Object.entries({ journal, runtime, edge, logs })) closers.add(what, () => port.close());
  await edge.ensure().catch((error: unknown) => {
    throw withFlag(error, options);
  });
  const { lost } = await resealAll(adapters);
  await vault.forgetOldKeys();
  const engine = createEngine({ ...adapters, clock: systemClock, log, plan });
  closers.add("work in an environment", () => engine.stop());
  const certificates = new CertificateKeeper({
    ...(await openCertificates({ ...options, log: (line) => log.warn(line) })),
    journal,
    edge,
    clock: systemClock,
    log,
  });
  closers.add("certificates", () => certificates.stop());
  await certificates.start();
  const token = options.listen ? (options.token ?? keptToken(options.stateDirectory)) : null;
  const startedAt = systemClock.now();
  const api = createApi({
    journal,
    engine,
    builder,
    runtime,
    vault,
    logs,
    edge,
    certificates,
    clock: systemClock,
    log,
    tokenDigest: token === null ? null : sha256(token),
    info: { version, pid: process.pid, stateDirectory: options.stateDirectory, runtime: platform, startedAt },
    intact: () => refuseLoss(options.stateDirectory, lostFiles),
    doctor: async () => [...(await doctor(options, adapters)), await certificatesCheck(certificates)],
  });
  const socket = join(options.stateDirectory, "controller.sock");
  const served = await serveSocket((request, link) => api.fetch(request, { via: "socket", ...link }), socket);
  closers.add("requests over the socket", () => served.close());
  if (options.listen) {
    const tcp = await serveTcp((request, link) => api.fetch(request, { via: "tcp", ...link }), options.listen);
    closers.add("requests over TCP", () => tcp.close());
  }
  await engine.start();
  watch(adapters, closers, log);
  const concerns = [...(await adapters.gaps()), await adapters.edgeWarning()].map(
    (concern) => concern && inOneLine(concern),
  );
  const told = [adapters.keyWarning, lostWarning(lost), tlsWarning(options, edge)];
  const warnings = [user.warning, ...concerns, ...told].filter((warning) => warning !== null);
  for (const warning of warnings) log.warn(warning);
  const { host, port } = edge.address();
  log.info({ socket, edge: `http://${host}:${port}`, pid: process.pid }, "the controller is up");
  const closeWithEdge = () => close().then(adapters.stopEdge);
  return { socket, edge: { host, port }, warnings, close, closeWithEdge };
}

function inOneLine({ what, fix }: Concern): string {
  return `${what}. ${fix}`;
}

/** Checks periodically that the state directory is complete and has its reserve. */
function watch({ lostFiles, reserve }: Adapters, closers: Closers, log: Logger): void {
  const stops = [watchStateFiles(lostFiles, systemClock, (words) => log.error(words)), reserve.keep(systemClock)];
  for (const stop of stops) closers.add("what watches the state directory", stop);
}

/** After a lost key, values must be set again, which needs a running controller. */
function lostWarning(lost: readonly string[]): string | null {
  if (lost.length === 0) return null;
  const some = lost.length > 5 ? `${lost.slice(0, 5).join(", ")} and ${lost.length - 5} more` : lost.join(", ");
  return `no key of the vault opens ${some}: restore vault.key with vault.json, or set all of them again with \`fairlead env import\``;
}

/** Warns that TLS was requested but is not served, because people would wait for certificates. */
function tlsWarning({ edgeTls }: ControllerOptions, edge: Pick<Edge, "secureAddress">): string | null {
  if (!edgeTls || edge.secureAddress() !== null) return null;
  return "the edge does not take TLS although it should: it cannot, or it was already running; end its process, then this one";
}

/** The fault for a port in use names its holder and the flag that moves the edge. */
function withFlag(error: unknown, { edge, edgeTls }: ControllerOptions): unknown {
  if (!(error instanceof Fault && error.code === "listen.in-use")) return error;
  const holders = listeners([edge.port, edgeTls?.port ?? 0]).flatMap(({ program }) => program ?? []);
  const who =
    holders.length === 0 ? "the process that listens there" : `the process that listens there: ${holders.join(", ")}`;
  const hint = `Choose another address, like --edge 127.0.0.1:9000 (for TLS --edge-tls), or stop ${who}.`;
  return new Fault(error.code, error.detail, { hint, cause: error });
}

/** The token of this state directory; created once, readable only by its owner. */
function keptToken(stateDirectory: string): string {
  const file = join(stateDirectory, "token");
  const kept = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  // An empty file is from a loss of power, before tokens were synced; it would accept requests without a token.
  if (kept !== "") return kept;
  const token = randomBytes(32).toString("base64url");
  replaceFileSync(file, `${token}\n`);
  return token;
}
