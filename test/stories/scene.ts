import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { isErrno } from "../../src/base/faults.ts";
import type { DeploymentView } from "../../src/contract/deployments.ts";
import type { InstanceView, StatusView } from "../../src/contract/environments.ts";
import type { EventPage, EventView } from "../../src/contract/events.ts";
import { type City, until } from "./city.ts";
import { type Load, startLoad } from "./load/load.ts";

/** A beacon that may take its time to get ready, as on a busy machine it does; it costs none where it is ready soon. */
export const unhurried = (manifest: string): string => manifest.replace("within: 10s", "within: 60s");

/** A beacon whose timers are as short as its promises allow: for stories that are about something else than time. */
export const quick = (manifest: string): string =>
  unhurried(manifest)
    .replaceAll("settle: 1s", "settle: 300ms")
    .replaceAll("within: 5s }", "within: 2s }")
    .replace("drain: 5s", "drain: 2s")
    .replace("watch: { for: 5s }", "watch: { for: 500ms }");

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly etag: string;
}

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request over the controller's socket: for what the command line would not even send. */
export function call(city: City, { method = "GET", path, body, headers: more = {} }: Asked): Promise<HttpAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = { ...(text === undefined ? {} : { "content-type": "application/json" }), ...more };
  return new Promise((resolve, reject) => {
    const socketPath = join(city.state, "controller.sock");
    const outgoing = request({ socketPath, path, method, headers, agent: false }, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        answer += part;
      });
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, body: answer, etag: response.headers.etag ?? "" }),
      );
    });
    outgoing.once("error", reject).end(text);
  });
}

export interface Happening {
  readonly kind: string;
  readonly subject: string | null;
  readonly detail: string;
}

/** Everything that happened, oldest first. */
export async function happenings(city: City): Promise<readonly EventView[]> {
  const path = "/v1/apps/beacon/environments/production/events?limit=1000";
  return (JSON.parse(await city.api.raw({ method: "GET", path })) as EventPage).items;
}

/** The deployments there were, newest first. */
export async function deployments(city: City): Promise<readonly DeploymentView[]> {
  return (await city.api.call("deployments", { params: city.key, query: { limit: 100 } })).items;
}

/** How long this machine, as busy as it is, took to start what was deployed last and to find it ready; milliseconds. */
export async function startMs(city: City): Promise<number> {
  const [newest] = await deployments(city);
  const at = (wanted: string) => Date.parse(newest?.phases.find(({ phase }) => phase === wanted)?.at ?? "");
  return at("switch") - at("start");
}

/** Deploys the app as it lies there, without starting the command line, and answers how that ended. */
export async function deployed(city: City, version: string): Promise<DeploymentView> {
  await city.setVersion(version);
  const { id } = await city.beginDeploy();
  let last: DeploymentView | null = null;
  for await (const message of city.api.progress(id)) if (message.event === "deployment") last = message.data.deployment;
  if (last === null) throw new Error(`nothing was told of ${id}`);
  return last;
}

/** Looks again and again for so long, and fails at the first look at which something does not hold. */
export async function throughout(ms: number, look: () => Promise<void>): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) await look();
}

/** What is observed in an environment. */
export function statusOf(city: City, environment = city.key.environment): Promise<StatusView> {
  return city.api.call("status", { params: { ...city.key, environment } });
}

/** Waits until the environment has exactly the wanted number of ready instances of a service. */
export async function untilReady(city: City, service: string, replicas: number): Promise<void> {
  await until(async () => {
    const found = (await statusOf(city)).services.find(({ name }) => name === service);
    return found?.instances.length === replicas && found.instances.every(({ ready }) => ready);
  }, `${service} has ${replicas} ready instances`);
}

/** The edge's processes: the embedded one, or HAProxy's master and worker in whatever they run. */
export async function edgeOf(city: City): Promise<readonly number[]> {
  const lines = (await city.processes()).map(async (pid) => {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    return /\/edge\.[jt]s\0|^haproxy\0/.test(line) ? [pid] : [];
  });
  return (await Promise.all(lines)).flat();
}

/** Ends them as `kill -9` does. A worker may be gone with its master. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (thrown) {
      if (!isErrno(thrown, "ESRCH")) throw thrown;
    }
  }
}

/** A little of everything that clients do. */
export function lightLoad(city: City, more: { streams?: number; sockets?: number; host?: string } = {}): Load {
  const { streams = 0, sockets = 0, host = city.host() } = more;
  const plain = { connections: 8, ratePerSecond: 200, uploads: 0 };
  return startLoad({ url: city.edgeUrl, host, streams, sockets, ...plain });
}

/** A service's instances, in the order of their names. */
export async function instancesOf(city: City, service: string): Promise<readonly InstanceView[]> {
  const found = (await statusOf(city)).services.find(({ name }) => name === service);
  return [...(found?.instances ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Their names alone. */
export async function namesOf(city: City, service: string): Promise<readonly string[]> {
  return (await instancesOf(city, service)).map(({ id }) => id);
}
