import type { ChildProcess } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault, isErrno } from "../../src/base/faults.ts";
import { uploadSource } from "../../src/cli/source.ts";
import { Client } from "../../src/client/client.ts";
import { nodeTransport } from "../../src/client/node.ts";
import type { DeploymentRequest, DeploymentView } from "../../src/contract/deployments.ts";
import { type ChildResult, runChild, startChild } from "../../src/host/child.ts";
import type { EnvKey } from "../../src/model/environment.ts";
import { removeOwned } from "../engine/owned.ts";
import type { Installation } from "./installation.ts";
import { processesIn } from "./proc.ts";
import { plainEnvironment, stopChild, until } from "./programs.ts";

/** A directory with its own state, its own installed controller and its own apps; disposing ends all of it. */
export class Site {
  readonly home: string;
  readonly state: string;
  readonly api: Client;
  readonly #installation: Installation;
  readonly #flags: readonly string[];
  #controller: ChildProcess | null = null;

  constructor(installation: Installation, flags: readonly string[] = ["--runtime", "process"]) {
    this.#installation = installation;
    this.#flags = flags;
    this.home = mkdtempSync(join(tmpdir(), "fl-bench-"));
    chmodSync(this.home, 0o711);
    this.state = join(this.home, "state");
    mkdirSync(this.state, { mode: 0o711 });
    this.api = new Client(nodeTransport({ address: { socketPath: join(this.state, "controller.sock") } }));
    sites.add(this);
  }

  get controllerPid(): number {
    return this.#controller?.pid ?? 0;
  }

  async startController(): Promise<void> {
    const log = openSync(join(this.home, "controller.log"), "a");
    const options = ["--state", this.state, "--edge", "127.0.0.1:0", ...this.#flags];
    const command = [this.#installation.launcher, "controller", ...options] as const;
    const child = startChild(command, { env: { ...plainEnvironment, HOME: this.home }, stdio: ["ignore", log, log] });
    this.#controller = child;
    await until(async () => {
      if (child.exitCode !== null) throw new Fault("operation.failed", `no controller: ${this.log()}`);
      return this.#answers();
    }, "the controller answers");
  }

  async stopController(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#controller) await stopChild(this.#controller, signal);
  }

  /** The end of what the controller said. */
  log(): string {
    return readFileSync(join(this.home, "controller.log"), "utf8").slice(-2_000);
  }

  /** The edge's address as a URL. */
  async edgeUrl(): Promise<string> {
    const { edge } = await this.api.call("info");
    return `http://${edge.host}:${edge.port}`;
  }

  /** The process that is the edge of this site. */
  edgePid(): number {
    return (JSON.parse(readFileSync(join(this.state, "edge", "edge.json"), "utf8")) as { pid: number }).pid;
  }

  /** Makes the directory of an app. */
  writeApp(manifest: { readonly app: string } & object, files: Readonly<Record<string, string>>): string {
    const directory = join(this.home, "apps", manifest.app);
    mkdirSync(directory, { recursive: true });
    const all = { "fairlead.yml": manifestText(manifest), ...files };
    for (const [name, text] of Object.entries(all)) writeFileSync(join(directory, name), text);
    return directory;
  }

  /** Runs the installed command line as a person would. */
  fairlead(...args: readonly [string, ...string[]]): Promise<ChildResult> {
    const command = [this.#installation.launcher, ...args, "--state", this.state] as const;
    return runChild(command, { env: { ...plainEnvironment, HOME: this.home }, cwd: this.home });
  }

  /** What `fairlead deploy` does, without starting a program for it: upload what is new, deploy, wait for the end. */
  async deploy(directory: string, key: EnvKey): Promise<DeploymentView> {
    const manifest = { directory, file: join(directory, "fairlead.yml") };
    const { digest } = await uploadSource(this.api, manifest);
    return this.begin(key, { kind: "deploy", source: digest });
  }

  /** Begins a deployment and waits for its end, or until `isEnough`. */
  async begin(
    key: EnvKey,
    request: DeploymentRequest,
    isEnough: (deployment: DeploymentView) => boolean = () => false,
  ): Promise<DeploymentView> {
    const { deployment } = await this.api.call("beginDeployment", { params: key, body: request });
    return this.follow(deployment, isEnough);
  }

  async follow(
    begun: DeploymentView,
    isEnough: (deployment: DeploymentView) => boolean = () => false,
  ): Promise<DeploymentView> {
    let seen = begun;
    for await (const message of this.api.progress(begun.id)) {
      if (message.event === "deployment") seen = message.data.deployment;
      if (isEnough(seen)) break;
    }
    return seen;
  }

  async #answers(): Promise<boolean> {
    try {
      await this.api.call("info");
      return true;
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code === "controller.unreachable") return false;
      throw thrown;
    }
  }

  /** Ends everything at once: what a signal that ends the bench leaves time for. */
  killAll(): void {
    this.#controller?.kill("SIGKILL");
    while (this.#left().length > 0) for (const pid of this.#left()) kill(pid);
    rmSync(this.home, { recursive: true, force: true });
    sites.delete(this);
  }

  #left(): readonly number[] {
    return processesIn(this.home, workingDirectoryOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopController();
    const engine = this.#flags.indexOf("--engine");
    if (engine >= 0) await removeOwned(this.#flags[engine + 1] ?? "", this.state);
    this.killAll();
  }
}

const sites = new Set<Site>();

/** A bench that is interrupted leaves no program behind. */
export function endSites(): void {
  for (const site of sites) site.killAll();
}

/** One line for each key: YAML takes JSON as a value. */
function manifestText({ app, ...rest }: { readonly app: string } & object): string {
  const lines = Object.entries(rest).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  return ["version: 1\n", `app: ${app}\n`, ...lines].join("");
}

/** Fails the bench when a deployment that should go well did not: figures of failures are worth nothing. */
export function mustBeLive(deployment: DeploymentView): DeploymentView {
  if (deployment.status === "live") return deployment;
  throw new Fault("operation.failed", `a deployment ended as ${deployment.status}: ${deployment.fault?.detail ?? ""}`);
}

function workingDirectoryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ESRCH", "EACCES")) return "";
    throw thrown;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (!isErrno(thrown, "ESRCH")) throw thrown;
  }
}
