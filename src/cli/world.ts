import type { Readable, Writable } from "node:stream";
import type { Client } from "../client/client.ts";
import type { CheckView } from "../contract/controller.ts";
import type { EnvKey } from "../model/environment.ts";
import type { ExecutionContext } from "./context.ts";
import type { Globals } from "./flags.ts";
import type { Paint } from "./paint.ts";

/** What the controller's composition root is told (src/main/controller.ts). */
export interface ControllerSettings {
  readonly stateDirectory: string;
  readonly listen: { readonly host: string; readonly port: number } | null;
  readonly edge: { readonly host: string; readonly port: number };
  /** Where the edge takes TLS; null: nowhere. */
  readonly edgeTls?: { readonly host: string; readonly port: number } | null;
  /** Whom to ask for certificates; omitted: nobody outside. */
  readonly acme?: {
    readonly email: string;
    readonly directoryUrl: string;
    readonly stagingUrl: string | null;
    readonly caFile: string | null;
    readonly publicAddresses: readonly string[];
  };
  /** Proxies in front of the edge that it believes. */
  readonly frontProxies?: { readonly trust: readonly string[]; readonly proxyProtocol: boolean };
  readonly ports?: { readonly from: number; readonly to: number };
  readonly runAs?: string | null;
  readonly appUids?: { readonly from: number; readonly to: number };
  /** `auto`: containers where a Docker engine answers, else plain processes; a state directory stays what it was. */
  readonly runtime?: "auto" | "process" | "docker";
  /** The engine's socket; default: DOCKER_HOST, else /var/run/docker.sock. */
  readonly engine?: string;
  /** What the edge is; default: `container` for containers, `embedded` for plain processes. */
  readonly proxy?: "embedded" | "haproxy" | "container";
  /** The image of `container`. */
  readonly proxyImage?: string;
  /** Takes the controller's own log, a JSON line at a time; default: stderr. */
  readonly onLog?: (line: string) => void;
  /** Whether the log has reads of the API too. */
  readonly verbose?: boolean;
  /** Whether to begin with an empty journal where the old one is lost. */
  readonly beginNew?: boolean;
}

export interface StartedController {
  readonly socket: string;
  readonly edge: { readonly host: string; readonly port: number };
  /** What people should know although nothing is wrong. */
  readonly warnings: readonly string[];
  /** Stops deciding and answering; instances and the edge go on. */
  close(): Promise<void>;
  /** Stops the edge as well, after what is under way. */
  closeWithEdge(): Promise<void>;
}

/** What the controller is to be as a service of this machine. */
export interface ServiceRequest {
  readonly stateDirectory: string;
  /** The controller's other flags, as on a command line. */
  readonly flags: readonly string[];
  readonly runtime: "auto" | "process" | "docker";
  /** The engine's socket, if one was named. */
  readonly engine?: string;
  /** Write below this directory and start nothing; null: this machine. */
  readonly root: string | null;
  /** Although a check fails, and over a unit that somebody else wrote. */
  readonly force: boolean;
  /** Ports of the edge that runs already. */
  readonly edgePorts: readonly number[];
}

export interface Installed {
  readonly file: string;
  /** `refused`: a check failed, and nothing was touched. */
  readonly change: "written" | "none" | "refused";
  readonly checks: readonly CheckView[];
}

export interface Uninstalled {
  readonly file: string;
  readonly change: "removed" | "none";
}

/** The controller as a service of this machine (src/main/service). */
export interface MachineService {
  unit(request: ServiceRequest): string;
  compose(request: ServiceRequest): string;
  install(request: ServiceRequest): Promise<Installed>;
  uninstall(root: string | null): Promise<Uninstalled>;
}

/** What only src/main can give: streams, the place, signals, and the controller's composition root. */
export interface Host {
  readonly version: string;
  readonly cwd: string;
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly columns?: number };
  readonly stderr: Writable & { readonly columns?: number };
  /** Fires at the first Ctrl-C or SIGTERM; the second ends the process. */
  readonly interrupted: AbortSignal;
  now(): number;
  openUrl(url: string): Promise<void>;
  /** Has the user's editor open a file, and waits for its end. Faults: `usage.invalid` without an editor, or when it fails. */
  edit(file: string): Promise<void>;
  /** Where a file may lie for a short time that must not reach a disk: in memory, where the machine has such a place. */
  readonly fleetingDirectory: string;
  startController(options: ControllerSettings): Promise<StartedController>;
  /** What can be seen of this machine, and goes on, while the controller of a state directory does not answer. */
  absentChecks(stateDirectory: string): Promise<readonly CheckView[]>;
  service(): Promise<MachineService>;
}

/** What a command works with. */
export interface World {
  readonly host: Host;
  readonly context: ExecutionContext;
  readonly globals: Globals;
  /** For stderr. */
  readonly paint: Paint;
  /**
   * The client of the controller that flags, environment and place name. `directory`: whose `.fairlead/` counts.
   * `uninterrupted`: for tidying up, goes on after Ctrl-C. `confirmed`: nobody is asked about what is protected any more.
   */
  api(options?: {
    readonly directory?: string | undefined;
    readonly uninterrupted?: boolean;
    readonly confirmed?: boolean;
  }): Client;
  /** The same world with other global flags. */
  withGlobals(globals: Globals): World;
  /** Which app and environment is meant. Faults: `usage.invalid` when neither -a nor a manifest tells. */
  key(directory?: string): EnvKey;
  /** A note for people, on stderr; nothing with --quiet. */
  say(message: string): void;
  /** A line of the result, on stdout, for commands that print on the way. */
  print(line: string): Promise<void>;
  /**
   * Asks y/N; --yes answers, and so does --confirm with the name of the environment that is changed. Faults: `confirm.needed`,
   * when nobody can be asked or the answer is no.
   */
  confirm(question: string, environment?: string): Promise<void>;
  /** Asks for a text that is not shown while it is typed. Faults: `confirm.needed`. */
  askSecret(question: string): Promise<string>;
  /** Asks to type a name, for what cannot be undone; only `--confirm NAME` answers. Faults as `confirm`. */
  confirmName(question: string, name: string): Promise<void>;
}
