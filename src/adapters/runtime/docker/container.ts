import { type InstanceSpec, portVariable, type TerminalSize } from "../../../model/instance.ts";
import { releaseName } from "../../../model/release.ts";
import { type Mount, volumeVariable } from "../../../model/volume.ts";
import type { Workload } from "../../../model/workload.ts";
import { directoriesOf, type ImageFacts } from "./image.ts";
import { type About, hostOf, type Labels, labelledKey } from "./labels.ts";
import { type EnvNetwork, gatewayOf } from "./networks.ts";

/** The engine's answers, as far as they are used: see its API reference, `ContainerInspect` and `ContainerList`. */
export interface Inspected {
  readonly Id: string;
  readonly Created: string;
  readonly Config: { readonly Labels: Labels; readonly WorkingDir?: string };
  readonly HostConfig: { readonly RestartPolicy: { readonly Name: string } };
  readonly State: ContainerState;
}

export interface ContainerState {
  readonly Running: boolean;
  readonly Restarting: boolean;
  readonly OOMKilled: boolean;
  readonly Pid: number;
  readonly ExitCode: number;
  readonly Error: string;
  readonly StartedAt: string;
  readonly FinishedAt: string;
}

export interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Labels: Labels;
  readonly State: string;
  /** In seconds. */
  readonly Created: number;
}

export function containerName({ Names }: Listed): string {
  return Names[0]?.slice(1) ?? "";
}

/** Restart policies: an instance that comes back after a reboot before any controller does, and one that must not. */
export const armed = "unless-stopped";
export const disarmed = "no";

/** Processes and threads of one container, so that a fork bomb ends at its own door. */
const mostPids = 512;
/** Every container's output that the engine keeps at most: three files. It bridges the time without a controller. */
const logLimits = { "max-size": "20m", "max-file": "3" };
/** Size of `/tmp` where it lives in memory and nothing limits that. */
const tmpBytes = 1024 * 1024 * 1024;
/** Linux' limit for one variable or argument: MAX_ARG_STRLEN. */
const longest = 128 * 1024;

/** Why a command cannot be started as it is, without any value in it, or null. */
export function unfitContainer({ command, env }: Pick<InstanceSpec, "command" | "env">): string | null {
  if (command !== null && !command[0]) return "the command is empty";
  if (command?.some((argument) => argument.includes("\0"))) return "the command holds a NUL character";
  if (command?.some((argument) => Buffer.byteLength(argument) >= longest)) return "an argument is longer than 128 KB";
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) return `${JSON.stringify(name.slice(0, 80))} cannot name a variable`;
    if (value.includes("\0")) return `the variable ${name} holds a NUL character`;
    if (name.length + Buffer.byteLength(value) + 2 > longest) return `the variable ${name} is longer than 128 KB`;
  }
  return null;
}

/** A program's environment beside its image's. HOST is only a default, because apps also use it otherwise. */
export function containerEnv(
  about: About,
  spec: Workload["spec"],
  directories: Readonly<Record<string, string>>,
): readonly string[] {
  const who = about.kind === "instance" ? about.identity : about.spec;
  const { app, environment } = labelledKey(about);
  const port = about.kind === "instance" ? about.address?.port : undefined;
  const ports = "tcpPorts" in spec ? spec.tcpPorts : [];
  const variables = {
    ...directories,
    ...(hostOf(about) === null ? {} : { HOST: "0.0.0.0" }),
    ...spec.env,
    ...(port === undefined ? {} : { PORT: String(port) }),
    ...Object.fromEntries(ports.map((each) => [portVariable(each), String(each)])),
    ...Object.fromEntries(mountsOf(spec).map(({ volume, path }) => [volumeVariable(volume), path])),
    FAIRLEAD_APP: app,
    FAIRLEAD_ENVIRONMENT: environment,
    FAIRLEAD_SERVICE: who.service,
    ...("release" in who ? { FAIRLEAD_RELEASE: releaseName(who.release) } : {}),
    FAIRLEAD_INSTANCE: about.name,
  };
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

interface Placed {
  readonly image: string;
  readonly facts: ImageFacts;
  readonly labels: Labels;
  readonly network: EnvNetwork;
  /** Of each volume of the instance its name on the engine. */
  readonly volumes: ReadonlyMap<string, string>;
  /** The terminal of an attached task; null: it has pipes; undefined: it is not attached. */
  readonly terminal: TerminalSize | null | undefined;
}

/** The body of the engine's "create a container": least privilege, limits, and an end of its own for every log. */
export function containerBody(
  about: About,
  spec: Workload["spec"],
  { image, facts, labels, network, volumes, terminal }: Placed,
) {
  const host = hostOf(about);
  return {
    Image: image,
    ...(spec.command === null ? {} : { Cmd: spec.command }),
    Env: containerEnv(about, spec, directoriesOf(facts)),
    User: facts.user,
    Labels: labels,
    ...(terminal === undefined ? {} : { OpenStdin: true, StdinOnce: true, Tty: terminal !== null }),
    // The gate and the probes are ours; an image's own check costs a program start each time.
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      Init: true,
      NetworkMode: network.name,
      // No name server has them; the edge is on the machine's side of the network.
      ExtraHosts: spec.neighbours.map((host) => `${host}:${gatewayOf(network)}`),
      // An instance gets the policy with which it comes back by itself when it has lived for a while (table.ts).
      RestartPolicy: { Name: disarmed },
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: mostPids,
      // A core dump holds every value that the process was given.
      Ulimits: [{ Name: "core", Soft: 0, Hard: 0 }],
      LogConfig: terminal === undefined ? { Type: "json-file", Config: logLimits } : { Type: "none" },
      // Engines before API 1.42 do not know it for Linux: there the size comes right after the start.
      ...(terminal ? { ConsoleSize: [terminal.rows, terminal.columns] } : {}),
      Mounts: mountsOf(spec).map(({ volume, path, readOnly }) => {
        return { Type: "volume", Source: volumes.get(volume), Target: path, ReadOnly: readOnly };
      }),
      ...confinement(spec),
    },
    NetworkingConfig: {
      EndpointsConfig: {
        [network.name]: {
          ...(host === null ? {} : { IPAMConfig: { IPv4Address: host } }),
          ...(about.kind === "instance" ? { Aliases: [about.identity.service] } : {}),
        },
      },
    },
  };
}

export function mountsOf(spec: Workload["spec"]): readonly Mount[] {
  return "volumes" in spec ? spec.volumes : [];
}

function confinement({ memoryBytes, cpus, readOnly }: Workload["spec"]) {
  const tmpfs = `rw,nosuid,nodev,mode=1777,size=${memoryBytes ?? tmpBytes}`;
  return {
    ...(memoryBytes === null ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
    ...(cpus === null ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
    ...(readOnly ? { ReadonlyRootfs: true, Tmpfs: { "/tmp": tmpfs } } : {}),
  };
}
