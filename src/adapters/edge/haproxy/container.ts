import { sha256 } from "../../../base/digest.ts";
import { Fault } from "../../../base/faults.ts";
import { ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { jsonLines } from "../../../host/engine-streams.ts";
import { edgeDescriptors } from "../table/capacity.ts";
import type { EdgeFiles } from "./files.ts";
import { parseVersion, type Runner } from "./program.ts";

export interface HaproxyContainerOptions {
  /** The engine's socket. */
  readonly engine: string;
  /** An image with HAProxy 2.6 or newer. */
  readonly image: string;
}

/** Names the edge's directory: only a container with it is ours. */
const label = "fairlead.edge";
/** A check or a question. */
const onceMs = 60_000;
const pullMs = 10 * 60_000;

/**
 * HAProxy in a container on the host's network, so that it dials instances by their addresses and has the ports itself.
 * Its root file system is read-only and it sees nothing of this machine but the edge's directory. The engine starts it
 * again when it ends and after a reboot, from what is on disk, without the controller.
 */
export function containerRunner({ engine: socket, image }: HaproxyContainerOptions, files: EdgeFiles): Runner {
  const engine = new ContainerEngine(socket);
  return {
    log: containerLog(files.directory),
    async version() {
      await fetchImage(engine, image);
      return parseVersion((await runOnce(engine, spec(image, files, ["-v"]))).output);
    },
    async check(config) {
      const { code, output } = await runOnce(engine, spec(image, files, ["-c", "-f", config]));
      return code === 0 ? null : output.trim();
    },
    clear: () => removeOurs(engine, files.directory),
    canDrop: () => canDrop(engine, files.directory),
    wake: () => wakeOurs(engine, files.directory),
    end: () => removeOurs(engine, files.directory),
    async start() {
      const name = edgeContainerName(files.directory);
      const command = ["-W", "-S", `${files.master},mode,600`, "-f", files.config];
      const body = spec(image, files, command);
      const lasting = { ...body.HostConfig, RestartPolicy: { Name: "unless-stopped" } };
      await engine.json("POST", "/containers/create", { query: { name }, body: { ...body, HostConfig: lasting } });
      await engine.json("POST", `/containers/${name}/start`);
      let gone = false;
      const query = { condition: "next-exit" };
      const ended = engine.json("POST", `/containers/${name}/wait`, { query, withinMs: pullMs });
      // A waiter needs to know only that it ended; an engine that went down shows that too.
      void Promise.allSettled([ended]).then(() => {
        gone = true;
      });
      return () => gone;
    },
    async isReviving() {
      const found = await inspect(engine, files.directory);
      return found?.Config.Labels?.[label] === files.directory && (found.State.Running || found.State.Restarting);
    },
    identify: async () => ({ container: edgeContainerName(files.directory), engine: socket }),
  };
}

/** Stops the container of a directory: running requests may finish, for at most 10 s. */
export async function stopContainer(socket: string, directory: string): Promise<void> {
  const engine = new ContainerEngine(socket);
  try {
    await engine.json("POST", `/containers/${edgeContainerName(directory)}/stop`, {
      query: { signal: "SIGUSR1", t: 10 },
      withinMs: onceMs,
    });
  } catch (thrown) {
    if (!isRefusal(thrown, 304, 404)) throw thrown;
  }
  await removeOurs(engine, directory);
  engine.close();
}

/** Ends it as a machine that fails would, for tests; the engine does not start it again by itself then. */
export async function killContainer(socket: string, directory: string): Promise<void> {
  const engine = new ContainerEngine(socket);
  await engine.json("POST", `/containers/${edgeContainerName(directory)}/kill`);
  await engine.json("POST", `/containers/${edgeContainerName(directory)}/wait`);
  engine.close();
}

export function edgeContainerName(directory: string): string {
  return `fl-edge-${sha256(directory).slice(-12)}`;
}

/** Where the container's own words are, for people. */
export function containerLog(directory: string): string {
  return `\`docker logs ${edgeContainerName(directory)}\``;
}

/** Capabilities for the master to bind low ports, change its workers' user, and end them. Only root's has any. */
const rights = ["NET_BIND_SERVICE", "SETUID", "SETGID", "KILL"];
/** Threads: a worker has at most 5, and as many are left of a hundred reloads while their streams last. */
const mostThreads = 1_024;

/** What the greatest number of connections needs (`capacityOf`), but no more than this process may have: an engine may not be allowed to give more. */
export const containerDescriptors = Math.min(40_000, edgeDescriptors());

/** As little as it can do its work with; whose files it reads, its master is. */
function spec(image: string, { directory }: EdgeFiles, command: readonly string[]) {
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  return {
    Image: image,
    Entrypoint: ["haproxy"],
    Cmd: command,
    User: user,
    // Else it could not tell its own words from the engine's framing.
    Tty: true,
    Labels: { [label]: directory },
    // HAProxy ends its workers by itself; the signal is the one for an end that waits.
    StopSignal: "SIGUSR1",
    HostConfig: {
      NetworkMode: "host",
      Binds: [`${directory}:${directory}`],
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      CapAdd: rights,
      PidsLimit: mostThreads,
      Ulimits: [{ Name: "nofile", Soft: containerDescriptors, Hard: containerDescriptors }],
      SecurityOpt: ["no-new-privileges"],
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "2" } },
    },
  };
}

async function runOnce(
  engine: ContainerEngine,
  body: ReturnType<typeof spec>,
): Promise<{ code: number; output: string }> {
  const { Id } = await engine.json<{ Id: string }>("POST", "/containers/create", { body });
  try {
    await engine.json("POST", `/containers/${Id}/start`);
    const { StatusCode } = await engine.json<{ StatusCode: number }>("POST", `/containers/${Id}/wait`, {
      withinMs: onceMs,
    });
    const logs = await engine.stream("GET", `/containers/${Id}/logs`, { query: { stdout: true, stderr: true } });
    let output = "";
    for await (const chunk of logs) output += String(chunk);
    return { code: StatusCode, output };
  } finally {
    await engine.json("DELETE", `/containers/${Id}`, { query: { force: true } });
  }
}

async function fetchImage(engine: ContainerEngine, image: string): Promise<void> {
  try {
    await engine.json("GET", `/images/${image}/json`);
    return;
  } catch (thrown) {
    if (!isRefusal(thrown, 404)) throw thrown;
  }
  const colon = image.indexOf(":", image.lastIndexOf("/"));
  const query =
    image.includes("@") || colon === -1
      ? { fromImage: image }
      : { fromImage: image.slice(0, colon), tag: image.slice(colon + 1) };
  const answer = await engine.stream("POST", "/images/create", { query, withinMs: pullMs });
  for await (const line of jsonLines<{ error?: string }>(answer)) {
    if (line.error !== undefined) throw new Fault("image.unreachable", `${image} could not be pulled: ${line.error}`);
  }
}

interface Inspected {
  readonly HostConfig: { readonly CapAdd: readonly string[] | null };
  readonly State: { readonly Running: boolean; readonly Restarting: boolean };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
}

/** The container with the edge's name; null when there is none. */
async function inspect(engine: ContainerEngine, directory: string): Promise<Inspected | null> {
  try {
    return await engine.json<Inspected>("GET", `/containers/${edgeContainerName(directory)}/json`);
  } catch (thrown) {
    if (isRefusal(thrown, 404)) return null;
    throw thrown;
  }
}

/**
 * Whether the container of a directory, or one that would be made, may give its workers to another user. One that a
 * previous version made goes on without; a rootless engine has other numbers of users than this process.
 */
export async function canDrop(engine: ContainerEngine, directory: string): Promise<boolean> {
  const { SecurityOptions } = await engine.json<{ SecurityOptions: readonly string[] | null }>("GET", "/info");
  if (SecurityOptions?.some((option) => /name=(rootless|userns)/.test(option))) return false;
  const found = await inspect(engine, directory);
  return found === null || rights.every((right) => found.HostConfig.CapAdd?.some((one) => one.endsWith(right)));
}

/** A container that is paused answers nothing, as one whose master was stopped. */
async function wakeOurs(engine: ContainerEngine, directory: string): Promise<void> {
  for (const [path, query] of [
    ["unpause", {}],
    ["kill", { signal: "SIGCONT" }],
  ] as const) {
    try {
      await engine.json("POST", `/containers/${edgeContainerName(directory)}/${path}`, { query });
    } catch (thrown) {
      // 404: there is none; 409 (500 of older engines): it is not paused, or does not run.
      if (!isRefusal(thrown, 404, 409, 500)) throw thrown;
    }
  }
}

/** Removes the container of a directory, if its label says that it is ours. */
async function removeOurs(engine: ContainerEngine, directory: string): Promise<void> {
  const found = await inspect(engine, directory);
  if (found === null) return;
  if (found.Config.Labels?.[label] !== directory) {
    throw new Fault("edge.unreachable", `Another container has the edge's name ${edgeContainerName(directory)}.`);
  }
  try {
    await engine.json("DELETE", `/containers/${edgeContainerName(directory)}`, { query: { force: true } });
  } catch (thrown) {
    // 409: it is being removed.
    if (!isRefusal(thrown, 404, 409)) throw thrown;
  }
}
