import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { ContainerEngine, isRefusal } from "../../src/host/engine.ts";
import { Firewall } from "../../src/host/firewall.ts";
import { firewallName } from "../../src/main/processes.ts";
import { testEngine, testImages } from "../../src/testing/engine.ts";

/** What a city stands on: what its instances run with, and what can be seen of them beside the API. */
export interface Testbed {
  readonly platform: "process" | "docker";
  /** Flags of the controller. */
  readonly flags: readonly string[];
  /** A manifest that can be deployed here. */
  adapt(manifest: string): string;
  /** Names of all instances and tasks that the runtime has not forgotten, in order. */
  present(): Promise<readonly string[]>;
  /** How much runs beside the controller, the edge and these instances. */
  beside(instances: readonly string[]): Promise<number>;
  /** Ends everything at once, and answers how much there still is. */
  clear(): Promise<number>;
}

/** `FAIRLEAD_TEST_RUNTIME=docker` plays the stories on containers behind HAProxy. */
export const platform = process.env.FAIRLEAD_TEST_RUNTIME === "docker" ? "docker" : "process";

export function testbedOf(home: string, state: string, ports: { from: number; to: number }): Testbed {
  return platform === "docker" ? containers(home, state) : processes(home, state, ports);
}

const none = { from: 0, to: 0 };

function processes(home: string, state: string, { from, to }: { from: number; to: number }): Testbed {
  return {
    platform: "process",
    flags: ["--runtime", "process", "--ports", `${from}-${to}`],
    adapt: (manifest) => manifest,
    present: async () => (await readdir(join(state, "run"))).filter((name) => name.startsWith("fl-")).sort(),
    // The controller, the edge, and for every instance its supervisor and itself.
    beside: async (instances) => (await processesIn(home)).length - 2 - 2 * instances.length,
    async clear() {
      const found = await processesIn(home);
      for (const pid of found) kill(pid);
      // Rules outlive what they guard when that was killed by force.
      if (found.length === 0) await new Firewall(firewallName(state)).apply({ apps: none, doors: [] });
      return found.length;
    },
  };
}

/** Pids of all processes that belong to a directory: their command line names it, or they work in it. */
export async function processesIn(home: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const line = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
    const where = await readlink(`/proc/${entry}/cwd`).catch(() => "");
    if (line.includes(home) || where.startsWith(home)) found.push(Number(entry));
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "ESRCH")) throw thrown;
  }
}

interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
}

function containers(home: string, state: string): Testbed {
  const socket = testEngine() ?? "/nonexistent/docker.sock";
  const engine = new ContainerEngine(socket);
  const base = `base: { node: "${testImages.node}", python: "${testImages.python}", static: "${testImages.caddy}" }`;
  const ours = async () => ({ label: [`fairlead.installation=${await installation(state)}`] });
  const labelled = (label: readonly string[]) =>
    engine.json<readonly Listed[]>("GET", "/containers/json", { query: { all: true, filters: { label } } });
  const listed = async () => labelled((await ours()).label);
  /** What the engine is still taking away, as its controller asked before it ended, is checked once more. */
  const gone = (path: string, query = {}) =>
    engine.json("DELETE", path, { query }).catch((thrown: unknown) => {
      if (!isRefusal(thrown, 403, 404, 409)) throw thrown;
    });
  const present = async () => (await listed()).map(({ Names }) => (Names[0] ?? "").slice(1)).sort();
  return {
    platform: "docker",
    flags: ["--runtime", "docker", "--engine", socket, "--proxy", "haproxy"],
    adapt: (manifest) => {
      if (!/^build:/m.test(manifest)) return manifest.replace(/^(app: .*)$/m, `$1\nbuild: { ${base} }`);
      if (/^ *base:|^build:.* base:/m.test(manifest)) return manifest;
      return manifest.replace(/^build: \{/m, `build: { ${base},`).replace(/^build:$/m, `build:\n  ${base}`);
    },
    present,
    beside: async (instances) => (await present()).filter((name) => !instances.includes(name)).length,
    async clear() {
      const programs = await processesIn(home);
      for (const pid of programs) kill(pid);
      const found = [...(await labelled([`fairlead.edge=${join(state, "edge")}`])), ...(await listed())];
      for (const { Id } of found) await gone(`/containers/${Id}`, { force: true, v: true });
      const networks = await engine.json<readonly { Id: string }[]>("GET", "/networks", {
        query: { filters: await ours() },
      });
      for (const { Id } of networks) await gone(`/networks/${Id}`);
      const images = await engine.json<readonly { Id: string }[]>("GET", "/images/json", {
        query: { filters: await ours() },
      });
      for (const { Id } of images) await gone(`/images/${Id}`, { force: true });
      return programs.length + found.length + networks.length;
    },
  };
}

/** Whose objects are the controller's: the name that its state directory got when it was first used. */
async function installation(state: string): Promise<string> {
  return (await readFile(join(state, "installation"), "utf8").catch(() => "none")).trim();
}
