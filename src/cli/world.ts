import type { Readable, Writable } from "node:stream";
import type { Client } from "../client/client.ts";
import type { ControllerAddress } from "../client/node.ts";
import type { CheckView } from "../contract/controller.ts";
import type { MachineNeed } from "../detect/recipe.ts";
import type { EnvKey } from "../model/environment.ts";
import type { ExecutionContext } from "./context.ts";
import type { Globals } from "./flags.ts";
import type { Paint } from "./paint.ts";

/** Options of the controller's composition root (src/main/controller.ts). */
export interface ControllerSettings {
  readonly stateDirectory: string;
  readonly listen: { readonly host: string; readonly port: number } | null;
  readonly edge: { readonly host: string; readonly port: number };
  /** Address where the edge takes TLS; null: none. */
  readonly edgeTls?: { readonly host: string; readonly port: number } | null;
  /** The certificate authority; omitted: no external one. */
  readonly acme?: {
    readonly email: string;
    readonly directoryUrl: string;
    readonly stagingUrl: string | null;
    readonly caFile: string | null;
    readonly publicAddresses: readonly string[];
  };
  /** Trusted proxies in front of the edge. */
  readonly frontProxies?: { readonly trust: readonly string[]; readonly proxyProtocol: boolean };
  readonly ports?: { readonly from: number; readonly to: number };
  readonly runAs?: string | null;
  readonly appUids?: { readonly from: number; readonly to: number };
  /** `auto`: containers where a Docker engine answers, else plain processes; a state directory stays what it was. */
  readonly runtime?: "auto" | "process" | "docker";
  /** The engine's socket; default: DOCKER_HOST, else /var/run/docker.sock. */
  readonly engine?: string;
  /** Kind of edge; default: `container` for containers, `embedded` for plain processes. */
  readonly proxy?: "embedded" | "haproxy" | "container";
  /** The image of `container`. */
  readonly proxyImage?: string;
  /** Receives the controller's log, one JSON line at a time; default: stderr. */
  readonly onLog?: (line: string) => void;
  /** Whether the log includes read requests. */
  readonly verbose?: boolean;
  /** Whether to start with an empty journal if the old one is lost. */
  readonly beginNew?: boolean;
}

export interface StartedController {
  readonly socket: string;
  readonly edge: { readonly host: string; readonly port: number };
  /** Notices for people although nothing is wrong. */
  readonly warnings: readonly string[];
  /** Stops deciding and answering; instances and the edge keep running. */
  close(): Promise<void>;
  /** Also stops the edge, after its running requests. */
  closeWithEdge(): Promise<void>;
}

/** Options of the controller as a service of this machine. */
export interface ServiceRequest {
  readonly stateDirectory: string;
  /** The controller's other flags, as on a command line. */
  readonly flags: readonly string[];
  readonly runtime: "auto" | "process" | "docker";
  /** The engine's socket, if one was named. */
  readonly engine?: string;
  /** Write below this directory and start nothing; null: this machine. */
  readonly root: string | null;
  /** Install even if a check fails, and overwrite a foreign unit. */
  readonly force: boolean;
  /** Ports of the running edge. */
  readonly edgePorts: readonly number[];
}

export interface Installed {
  readonly file: string;
  /** `refused`: a check failed, and nothing was changed. */
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

/** The user's terminal. */
export interface UserTerminal {
  /** What it understands: its variable TERM. */
  readonly type: string;
  size(): { readonly columns: number; readonly rows: number };
  /** Passes every key and all output unchanged, until the returned function is called or the process ends. */
  takeKeys(): Promise<() => void>;
  /** Is called after each change of its size. */
  onResize(listener: () => void): void;
}

/** Dependencies from src/main: streams, environment, signals, and the controller's composition root. */
export interface Host {
  readonly version: string;
  readonly cwd: string;
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly columns?: number };
  readonly stderr: Writable & { readonly columns?: number };
  /** Null unless both stdin and stdout are terminals. */
  terminal(): UserTerminal | null;
  /** Fires at the first Ctrl-C or SIGTERM; the second ends the process. */
  readonly interrupted: AbortSignal;
  now(): number;
  openUrl(url: string): Promise<void>;
  /**
   * Opens a file in the user's editor and waits for its end. Faults: `usage.invalid` without an editor, or if it fails.
   */
  edit(file: string): Promise<void>;
  /** A directory for temporary files that must not reach a disk: in memory, if the machine has one. */
  readonly fleetingDirectory: string;
  startController(options: ControllerSettings): Promise<StartedController>;
  /** Checks of this machine while the controller of a state directory does not answer. */
  absentChecks(stateDirectory: string): Promise<readonly CheckView[]>;
  service(): Promise<MachineService>;
  /** What this machine lacks to run plain processes, each with the command that installs it. */
  lacking(needs: readonly MachineNeed[]): Promise<readonly string[]>;
}

/** The context of a command. */
export interface World {
  readonly host: Host;
  readonly context: ExecutionContext;
  readonly globals: Globals;
  /** For stderr. */
  readonly paint: Paint;
  /**
   * The client of the controller selected by flags, environment and directory. `directory`: whose `.fairlead/` is used.
   * `uninterrupted`: for cleanup, continues after Ctrl-C. `confirmed`: asks for no more confirmations.
   */
  api(options?: {
    readonly directory?: string | undefined;
    readonly uninterrupted?: boolean;
    readonly confirmed?: boolean;
  }): Client;
  /** Where that controller is. */
  address(directory?: string): ControllerAddress;
  /** The same world with other global flags. */
  withGlobals(globals: Globals): World;
  /** The app and environment to use. Faults: `usage.invalid` if neither -a nor a manifest names the app. */
  key(directory?: string): EnvKey;
  /** A note for people, on stderr; nothing with --quiet. */
  say(message: string): void;
  /** A line of the result on stdout, for commands that print while they run. */
  print(line: string): Promise<void>;
  /**
   * Asks y/N; --yes answers, and so does --confirm with the name of the environment that is changed. Faults:
   * `confirm.needed` without a terminal or if the answer is no.
   */
  confirm(question: string, environment?: string): Promise<void>;
  /** Asks for a text that is not shown while it is typed. Faults: `confirm.needed`. */
  askSecret(question: string): Promise<string>;
  /** Asks to type a name, for what cannot be undone; only `--confirm NAME` answers. Faults as `confirm`. */
  confirmName(question: string, name: string): Promise<void>;
}
