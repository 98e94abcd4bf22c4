import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import { sealedDirectories } from "../adapters/build/source/content-store.ts";
import { damagedIn } from "../adapters/build/source/seals.ts";
import { askHello } from "../adapters/edge/embedded/admin-client.ts";
import { versionFault } from "../adapters/edge/embedded/embedded-edge.ts";
import { embeddedFiles } from "../adapters/edge/embedded/files.ts";
import { isErrno } from "../base/faults.ts";
import { formatSize } from "../base/size.ts";
import type { CheckView } from "../contract/controller.ts";
import type { LogStore } from "../ports/logs.ts";
import type { AdapterOptions, Adapters } from "./adapters.ts";
import { fail, ok, warn } from "./check.ts";
import { systemClock } from "./clock.ts";
import { dockerChecks, webPortsCheck } from "./doctor-docker.ts";
import { edgeDirectory } from "./edges.ts";
import { defaultPorts } from "./processes.ts";
import { apiDescriptors, usualLimits } from "./servers.ts";
import { stateFilesCheck } from "./state-files.ts";
import { version } from "./version.ts";

/** With less free space, a build or a log may fill the disk unnoticed. */
const diskWarnBytes = 1024 ** 3;
const diskFailBytes = 200 * 1024 ** 2;
const memoryWarnBytes = 200 * 1024 ** 2;

/** Checks of this machine for a controller, one per row; a row that is not `ok` has a fix. */
export async function doctor(options: AdapterOptions, adapters: Adapters): Promise<CheckView[]> {
  return [
    ok("version", `fairlead ${version} on Node ${process.version}, ${process.platform} ${process.arch}`),
    await diskCheck(options.stateDirectory),
    memoryCheck(),
    descriptorsCheck(apiDescriptors()),
    user(adapters),
    await apart(adapters),
    await edge(adapters),
    await journal(adapters),
    stateFilesCheck(options.stateDirectory, adapters.lostFiles),
    await vault(adapters),
    logsCheck(adapters.logs),
    ...(adapters.engine
      ? await dockerChecks(adapters.engine, systemClock.now)
      : [await processesCheck(), await artifacts(options), ports(options)]),
    webPortsCheck([adapters.edge.address().port]),
  ];
}

export async function diskCheck(directory: string): Promise<CheckView> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const detail = `${formatSize(free)} free for ${directory}`;
  if (free >= diskWarnBytes) return ok("disk", detail);
  const fix = "Free some space or move the state directory to a larger disk.";
  return { name: "disk", state: free < diskFailBytes ? "fail" : "warn", detail, fix };
}

export function memoryCheck(): CheckView {
  const detail = `${formatSize(freemem())} of ${formatSize(totalmem())} free`;
  if (freemem() >= memoryWarnBytes) return ok("memory", detail);
  return { name: "memory", state: "warn", detail, fix: "Stop something or lower `replicas`." };
}

/**
 * Minimum limit: every follower, probe and open file of the controller is one descriptor; a busy machine would run out.
 */
const enoughDescriptors = 4_096;

export function descriptorsCheck(limit: number): CheckView {
  const detail = `${limit} files may be open at once; API connections get ${usualLimits(limit).connections}`;
  if (limit >= enoughDescriptors) return ok("descriptors", detail);
  return warn("descriptors", detail, "Raise the hard limit: `LimitNOFILE=` of the service, or `ulimit -Hn`.");
}

function user({ user, platform }: Adapters): CheckView {
  if (platform === "docker") return ok("user", "apps run as the users of their images, never as root");
  if (user.warning)
    return { name: "user", state: "warn", detail: user.warning, fix: "See --run-as, --app-uids and --state." };
  if (user.apps === null || !("from" in user.apps))
    return ok("user", "apps run as the invoking user; each instance and task has its own namespaces");
  return ok("user", `each environment has its own user, from uid ${user.apps.from} to ${user.apps.to}`);
}

async function apart({ gaps, platform, user }: Adapters): Promise<CheckView> {
  const found = await gaps();
  if (found.length > 0) {
    const fixes = [...new Set(found.map(({ fix }) => fix))];
    return warn("apart", found.map(({ what }) => what).join("; "), fixes.join(" "));
  }
  if (platform === "docker") return ok("apart", "each environment has its own network");
  if (user.apps !== null && "from" in user.apps)
    return ok("apart", "files, processes and ports of environments are closed to each other");
  if (user.apps !== null || user.closed === null) return ok("apart", "see `user`");
  return ok("apart", "processes and the state directory are closed to apps; ports and this user's other files are not");
}

async function artifacts({ stateDirectory }: AdapterOptions): Promise<CheckView> {
  const damaged = await damagedIn(sealedDirectories(join(stateDirectory, "store")));
  if (damaged.length === 0) return ok("artifacts", "none was changed since it was built");
  const detail = `changed or damaged on the disk: ${damaged.map((hex) => hex.slice(0, 16)).join(", ")}`;
  return warn("artifacts", detail, "Check the disk, then `fairlead deploy --force`: what is damaged is built again.");
}

async function edge({ edge, edgeLog, edgeWarning }: Adapters): Promise<CheckView> {
  const { up } = await edge.observe("doctor/check");
  const { host, port } = edge.address();
  const { detail } = edge.answer();
  const warning = await edgeWarning();
  if (up && detail === null) {
    if (warning === null) return ok("edge", `takes traffic at ${host}:${port}`);
    return { name: "edge", state: "warn", detail: warning.what, fix: warning.fix };
  }
  return {
    name: "edge",
    state: up ? "warn" : "fail",
    detail: detail ?? "the edge does not answer",
    fix: `An edge that is down or hung is restarted automatically; its log is ${edgeLog}.`,
  };
}

/** The edge that goes on without a controller, where none answers. Of HAProxy nothing is said: it needs no exchange. */
export async function leftEdgeCheck(stateDirectory: string): Promise<readonly CheckView[]> {
  const hello = await askHello(embeddedFiles(edgeDirectory(stateDirectory)).socket);
  if (hello === null) return [];
  const other = versionFault(hello);
  if (other) return [fail("edge", other.detail, other.hint)];
  return [ok("edge", `runs without the controller at ${hello.listen.host}:${hello.listen.port}`)];
}

async function journal({ journal }: Adapters): Promise<CheckView> {
  const environments = await journal.environments.all();
  const plural = environments.length === 1 ? "" : "s";
  return ok("journal", `${environments.length} environment${plural}, last event ${await journal.events.lastId()}`);
}

/** A state directory that is lost with its key takes every value with it, and a backup without the key is worth nothing. */
async function vault({ journal, vault }: Adapters): Promise<CheckView> {
  const [any] = await journal.values.sealedTexts({ after: null, limit: 1 });
  if (!any) return ok("vault", "no value is sealed yet");
  if (vault.hasCopy) return ok("vault", "values are sealed, and a recovery bundle exists");
  const fix = "Create one with `fairlead vault recovery` and store it elsewhere.";
  return { name: "vault", state: "warn", detail: "no recovery bundle of the master key exists", fix };
}

/** Lines that cannot be stored are lost with their instances at the latest when somebody removes these by hand. */
export function logsCheck(logs: Pick<LogStore, "trouble">): CheckView {
  const trouble = logs.trouble();
  if (trouble === null) return ok("logs", "lines are stored as they arrive");
  const { since, fault: cause } = trouble;
  const detail = `lines cannot be stored since ${new Date(since).toISOString()}: ${cause.detail}; they stay in the instances' output files`;
  return fail("logs", detail, cause.hint);
}

/** Without /proc an instance cannot be told from another process that got its pid. */
export async function processesCheck(): Promise<CheckView> {
  try {
    await access("/proc/self/stat", constants.R_OK);
    return ok("processes", "/proc can be read");
  } catch (thrown) {
    if (!isErrno(thrown, "ENOENT", "EACCES")) throw thrown;
    const fix = "Run on Linux: the process runtime needs /proc to find instances again.";
    return { name: "processes", state: "fail", detail: "/proc cannot be read", fix };
  }
}

function ports(options: AdapterOptions): CheckView {
  const { from, to } = options.ports ?? defaultPorts;
  return ok("ports", `instances get ports ${from}–${to}`);
}
