import { closeSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { Fault, isErrno } from "../../../base/faults.ts";
import { startChild } from "../../../host/child.ts";
import { keyText } from "../../../model/environment.ts";
import { type PrivatePort, portVariable } from "../../../model/instance.ts";
import { releaseName } from "../../../model/release.ts";
import { isShellName } from "../../../model/variables.ts";
import { type Mount, volumeVariable } from "../../../model/volume.ts";
import { workloadKey } from "../../../model/workload.ts";
import { type Argv, rootPath } from "./confine.ts";
import type { ProcessFolder, StoredWorkload } from "./folder.ts";
import { loopback } from "./ports.ts";
import { assignments, innerCommand } from "./supervisor.ts";

/** Linux' limit for one variable or argument (MAX_ARG_STRLEN), and ours for all of them: half of its usual ARG_MAX. */
const longest = 128 * 1024;
const mostBytes = 1024 * 1024;

/** Why a command cannot be started as it is, without any value in it, or null. */
export function unfitProcess(command: readonly string[] | null, env: Readonly<Record<string, string>>): string | null {
  if (command === null) return "a plain process needs a command";
  if (command.length === 0 || command[0] === "") return "the command is empty";
  if (command.some((argument) => argument.includes("\0"))) return "the command holds a NUL character";
  let total = command.reduce((sum, argument) => sum + Buffer.byteLength(argument) + 1, 0);
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `${JSON.stringify(name.slice(0, 80))} cannot name a variable`;
    if (isShellName(name)) return `the variable ${name} belongs to the shell that keeps the process`;
    if (value.includes("\0")) return `the variable ${name} holds a NUL character`;
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
    if (bytes > longest) return `the variable ${name} is longer than ${longest / 1024} KB`;
    total += bytes;
  }
  return total > mostBytes ? `command and variables are larger than ${mostBytes / 1024} KB together` : null;
}

/** Where Python and Node keep the programs of an app's own packages; an image has them on its PATH as well. */
const programDirectories = [".venv/bin", "node_modules/.bin"];

/** Directories that are one instance's alone. */
export interface Room {
  readonly home: string;
  readonly tmp: string;
  readonly cwd: string;
  /** What the machine gives to what runs here, beside what every process is given. */
  readonly env: Readonly<Record<string, string>>;
  /** `data`: the directory of the volume; null: it is not there. */
  readonly volumes: readonly (Mount & { readonly data: string | null })[];
}

/** The volume of an instance that is not there, in words, or null. */
export function lackingVolume({ volumes }: Room): string | null {
  const lacking = volumes.find(({ data }) => data === null);
  return lacking ? `its volume ${lacking.volume} is not there` : null;
}

interface Given {
  readonly baseEnv: Readonly<Record<string, string>>;
  /** Where programs are found that are not the app's own. */
  readonly path: string;
  readonly room: Room;
  /** What the release says. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * All that a process is given, as `src/model/variables.ts` lists it: the base, its own places, what the release says, and
 * who it is. Nothing comes from the controller's own environment. HOST is only a default, since apps also use it for other things.
 */
export function processEnv(stored: StoredWorkload, { baseEnv, path, room, variables }: Given): Record<string, string> {
  const host = hasPorts(stored) ? { HOST: loopback } : {};
  const port = stored.port === null ? {} : { PORT: String(stored.port) };
  const volumes = Object.fromEntries(room.volumes.map(({ volume, data }) => [volumeVariable(volume), data ?? ""]));
  const ports = Object.fromEntries(privatePorts(stored).map(({ port, at }) => [portVariable(port), String(at.port)]));
  const own = { ...port, ...ports, ...volumes, ...identityOf(stored) };
  const PATH = [...programDirectories.map((name) => `${room.cwd}/${name}`), path].join(":");
  return { ...baseEnv, ...room.env, PATH, HOME: room.home, TMPDIR: room.tmp, ...host, ...variables, ...own };
}

export function hasPorts({ port, tcp }: Pick<StoredWorkload, "port" | "tcp">): boolean {
  return port !== null || tcp.length > 0;
}

/** Where the ports for its environment are. */
export function privatePorts({ kind, spec, tcp }: StoredWorkload): readonly PrivatePort[] {
  const named = kind === "task" ? [] : spec.tcpPorts;
  return named.map((port, place) => ({ port, at: { host: loopback, port: tcp[place] ?? 0 } }));
}

/** Who it is. It is also how processes are found again that left their group. */
export function identityOf(stored: StoredWorkload): Record<string, string> {
  const who = stored.kind === "task" ? stored.spec : stored.spec.identity;
  return {
    FAIRLEAD_APP: who.key.app,
    FAIRLEAD_ENVIRONMENT: who.key.environment,
    FAIRLEAD_SERVICE: who.service,
    ...("release" in who ? { FAIRLEAD_RELEASE: releaseName(who.release) } : {}),
    FAIRLEAD_INSTANCE: stored.spec.name,
  };
}

export interface How {
  readonly env: Readonly<Record<string, string>>;
  /** What programs of root find in their own environment on the way: nothing that an app declared. */
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Makes of the supervisor's command the one that is started, as whom. */
  readonly as: { readonly wrap: (supervisor: Argv) => Argv; readonly ids: { uid?: number; gid?: number } };
  /** Makes of the first command in namespaces of its own the one that the supervisor starts; null: there are none. */
  readonly inside: ((first: Argv) => Argv) | null;
  /** Descriptors of its standard streams, which stay the caller's; null: no input, and output into its files. */
  readonly streams: readonly [number, number, number] | null;
  readonly ended: () => void;
}

/**
 * Starts the supervisor and gives its claim when that is decided; empty when another one has it. `ended` is called when
 * a supervisor that is our child is gone. Faults: `runtime.start-failed`, `runtime.user`; the same start may be
 * retried.
 */
export async function launch(folder: ProcessFolder, stored: StoredWorkload, how: How): Promise<string> {
  const { name, command } = stored.spec;
  const { out, err, exit } = folder.openFor(name);
  try {
    const { cwd, inside, streams } = how;
    const started = inside ? ["", ...inside([...innerCommand, cwd, ...(command ?? [])])] : [cwd, ...(command ?? [])];
    const keep: Argv = ["/bin/sh", folder.supervisor, folder.path(name), ...started];
    const supervisor = startChild(how.as.wrap(keep), {
      env: { ...how.baseEnv, PATH: `${rootPath}:${how.baseEnv.PATH ?? ""}`, ...identityOf(stored) },
      cwd: "/",
      stdio: [...(streams ?? (["ignore", out, err] as const)), exit, "pipe", "pipe"],
      detached: true,
      ...how.as.ids,
    });
    supervisor.once("exit", how.ended);
    const told = noteVariables(
      (supervisor.stdio as unknown as readonly unknown[])[5] as Writable,
      assignments(how.env, inside !== null),
    );
    const claim = await new Promise<string>((resolve, reject) => {
      supervisor.once("error", reject);
      supervisor.once("spawn", () => textOf(supervisor.stdio[4] as Readable).then(resolve, reject));
    });
    await told;
    supervisor.unref();
    return claim;
  } catch (thrown) {
    throw startFault(stored, thrown);
  } finally {
    for (const file of [out, err, exit]) closeSync(file);
  }
}

/** A supervisor that goes away before it has read them all does not begin the command: that shows in its claim. */
function noteVariables(pipe: Writable, variables: string): Promise<void> {
  return new Promise((resolve) => {
    pipe.once("error", () => resolve());
    pipe.end(variables, () => resolve());
  });
}

function startFault(stored: StoredWorkload, thrown: unknown): Fault {
  const code = isErrno(thrown, "EPERM") ? "runtime.user" : "runtime.start-failed";
  const why = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "no keeper could be started";
  return new Fault(code, `${stored.spec.name} of ${keyText(workloadKey(stored))}: ${why}`, { cause: thrown });
}
