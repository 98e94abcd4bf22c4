import type { ChildProcess } from "node:child_process";
import { openSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { uploadSource } from "../../src/cli/source.ts";
import { Client } from "../../src/client/client.ts";
import { nodeTransport } from "../../src/client/node.ts";
import type { DeploymentView } from "../../src/contract/deployments.ts";
import { type ChildResult, runChild, startChild } from "../../src/host/child.ts";
import { ownPort, ownPorts } from "../../src/testing/ports.ts";
import { processesIn, type Testbed, testbedOf } from "./testbed.ts";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
/** Where `npm test` has built what is installed elsewhere; without it the sources are started. */
const dist = process.env.FAIRLEAD_TEST_DIST;
export const cli = dist === undefined ? join(root, "src/main/cli.ts") : join(dist, "cli.js");

/** What was compiled once need not be again: the stories start hundreds of controllers and command lines. */
const compileCache = { NODE_COMPILE_CACHE: join(dist ?? join(root, "node_modules/.cache"), "compile") };

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What `--json` of deploy, rollback and restart prints. */
export interface DeploymentJson {
  readonly deployment: {
    readonly id: string;
    readonly status: string;
    readonly phase: string;
    readonly release: string;
    readonly previous: string | null;
    readonly fault: { readonly code: string; readonly detail: string; readonly hint: string } | null;
    readonly durationMs: number;
  };
}

export interface StatusJson {
  readonly state: string;
  readonly release: string | null;
  readonly services: readonly {
    readonly name: string;
    readonly desired: number;
    readonly instances: readonly {
      readonly id: string;
      readonly release: string;
      readonly state: string;
      readonly ready: boolean;
    }[];
  }[];
  readonly urls: readonly { readonly service: string; readonly url: string }[];
}

interface Ports {
  readonly edge: number;
  readonly instances: { readonly from: number; readonly to: number };
}

interface Foundation {
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A machine in small: a state directory, a copy of an example app, a real controller process and the command line.
 * `await using` ends everything that was started and fails when something stays behind.
 */
export class City {
  readonly state: string;
  readonly app: string;
  readonly #home: string;
  readonly #flags: readonly string[];
  #controller: ChildProcess | null = null;
  #edge: { host: string; port: number } | null = null;
  readonly #env: Record<string, string>;
  readonly testbed: Testbed;
  readonly key = { app: "beacon", environment: "production" };

  private constructor(home: string, ports: Ports, { flags, env: more }: Foundation) {
    this.#home = home;
    this.#flags = ["--edge", `127.0.0.1:${ports.edge}`, ...flags];
    this.state = join(home, "state");
    this.app = join(home, "app");
    this.testbed = testbedOf(home, this.state, ports.instances);
    this.#env = { PATH: process.env.PATH ?? "", HOME: home, LANG: "C.UTF-8", NO_COLOR: "1", ...compileCache, ...more };
  }

  /**
   * A city with the named example in it; nothing runs yet. `flags` are the controller's, besides those of the testbed; `env` is
   * what its programs have in their environment besides.
   */
  static async found(example = "beacon", flags: Foundation["flags"] = [], env: Foundation["env"] = {}): Promise<City> {
    const home = await mkdtemp(join(tmpdir(), "fl-"));
    await chmod(home, 0o711);
    const city = new City(home, { edge: await ownPort(), instances: await ownPorts(100) }, { flags, env });
    await mkdir(city.state, { mode: 0o711 });
    await cp(join(root, "examples", example), city.app, { recursive: true });
    // Equal sources are one artifact, also for two cities on one engine: this city's is its own to take away.
    await writeFile(join(city.app, "CITY"), home);
    await city.editManifest((text) => text);
    return city;
  }

  /** Starts the controller (or a script that composes one differently, or under another program) and waits until it answers. */
  async startController(script: readonly string[] = [cli, "controller"], under: readonly string[] = []): Promise<void> {
    const [first = cli, ...rest] = script;
    const log = openSync(join(this.#home, "controller.log"), "a");
    const args = ["--state", this.state, ...this.testbed.flags, ...this.#flags];
    const [program = process.execPath, ...command] = [...under, process.execPath, first, ...rest, ...args];
    this.#controller = startChild([program, ...command], { env: this.#env, cwd: root, stdio: ["ignore", log, log] });
    const child = this.#controller;
    await until(async () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`the controller did not come up: ${await this.controllerLog()}`);
      }
      return this.api.call("info").then(
        ({ edge }) => {
          this.#edge = edge;
          return true;
        },
        () => false,
      );
    }, "the controller answers");
  }

  controllerLog(): Promise<string> {
    return readFile(join(this.#home, "controller.log"), "utf8");
  }

  get controllerPid(): number {
    return this.#controller?.pid ?? 0;
  }

  get controllerDied(): boolean {
    const child = this.#controller;
    return child === null || child.exitCode !== null || child.signalCode !== null;
  }

  /** Resolves when the controller's process has ended, by itself or by `killController`. */
  async controllerEnded(): Promise<void> {
    const child = this.#controller;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((done) => child.once("exit", done));
  }

  async killController(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#controller?.kill(signal);
    await this.controllerEnded();
  }

  /** The controller's API, without the time that starting the command line takes. */
  get api(): Client {
    return new Client(nodeTransport({ address: { socketPath: join(this.state, "controller.sock") } }));
  }

  /** Uploads the app and asks for its deployment, as `fairlead deploy --detach` does. */
  async beginDeploy(): Promise<DeploymentView> {
    const { digest } = await uploadSource(this.api, { directory: this.app, file: join(this.app, "fairlead.yml") });
    return (await this.api.call("beginDeployment", { params: this.key, body: { kind: "deploy", source: digest } }))
      .deployment;
  }

  /** Runs the command line against this city's controller. */
  fairlead(...args: readonly string[]): Promise<ChildResult> {
    return this.fairleadIn(this.app, ...args);
  }

  /** The same as somebody who stands in another directory. */
  fairleadIn(cwd: string, ...args: readonly string[]): Promise<ChildResult> {
    const command = [process.execPath, cli, ...args, "--state", this.state] as const;
    return runChild(withOptionsBeforeCommand(command), { env: this.#env, cwd, limit: 16 * 1024 * 1024 });
  }

  /** The command line as a process that goes on, with more in its environment. */
  startFairlead(env: Readonly<Record<string, string>>, ...args: readonly string[]): ChildProcess {
    const command = [process.execPath, cli, ...args, "--state", this.state] as const;
    return startChild(command, { env: { ...this.#env, ...env }, cwd: this.app, stdio: ["ignore", "pipe", "pipe"] });
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    const result = await this.fairlead(...args, "--json");
    return JSON.parse(result.stdout) as T;
  }

  async deploy(...args: readonly string[]): Promise<ChildResult & DeploymentJson> {
    // Also what is the same as before is deployed, unless it was staged.
    const force = args.includes("--staged") ? [] : ["--force"];
    const result = await this.fairlead("deploy", "--json", ...force, ...args);
    if (!result.stdout.startsWith('{"deployment"')) throw new Error(`deploy said: ${result.stdout}${result.stderr}`);
    return { ...result, ...(JSON.parse(result.stdout) as DeploymentJson) };
  }

  status(): Promise<StatusJson> {
    return this.json<StatusJson>("status");
  }

  /** The next deploy is another version: one line of the app changes. */
  async setVersion(version: string): Promise<void> {
    await writeFile(join(this.app, "VERSION"), `${version}\n`);
  }

  /** The next deploy is a bad twin of the app (examples/beacon/README.md lists the faults); "" makes it good again. */
  async setFault(fault: string): Promise<void> {
    await this.editManifest((text) => text.replace(/BEACON_FAULT: .*/, `BEACON_FAULT: { default: "${fault}" }`));
  }

  async editManifest(edit: (text: string) => string): Promise<void> {
    const file = join(this.app, "fairlead.yml");
    await writeFile(file, this.testbed.adapt(edit(await readFile(file, "utf8"))));
  }

  get edgeUrl(): string {
    if (!this.#edge) throw new Error("the edge's address is not known yet");
    return `http://${this.#edge.host}:${this.#edge.port}`;
  }

  host(service = "web"): string {
    return `${service}.beacon.localhost`;
  }

  /** One request through the edge. */
  get(path: string, host = this.host()): Promise<Answer> {
    const { hostname, port } = new URL(this.edgeUrl);
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: hostname, port, path, headers: { host }, agent: false }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
        response.once("error", reject);
      });
      outgoing.once("error", reject).end();
    });
  }

  /** Pids of all programs that belong to this city. */
  processes(): Promise<readonly number[]> {
    return processesIn(this.#home);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killController("SIGTERM");
    await until(async () => (await this.testbed.clear()) === 0, "everything of the city has ended");
    await rm(this.#home, { recursive: true, force: true });
  }
}

/** Global options go before `--`, behind which everything belongs to the command that is run. */
function withOptionsBeforeCommand(command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  const at = command.indexOf("--");
  const options = command.slice(-2);
  if (at < 0) return command;
  return [command[0], ...command.slice(1, at), ...options, ...command.slice(at, -2)];
}

/** Looks again and again until something holds; fails after `withinMs` with what was waited for. */
export async function until(holds: () => Promise<boolean>, what: string, withinMs = 180_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited ${withinMs} ms in vain until ${what}`);
    await new Promise((next) => setTimeout(next, 100));
  }
}
