import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { embeddedEdge } from "../adapters/edge/embedded/embedded-edge.ts";
import { isNotedRunning, readEmbeddedNote } from "../adapters/edge/embedded/files.ts";
import { setpriv } from "../adapters/edge/embedded/start.ts";
import { stopEdge } from "../adapters/edge/embedded/stop.ts";
import { canDrop, containerLog, edgeContainerName, stopContainer } from "../adapters/edge/haproxy/container.ts";
import { haproxyEdge } from "../adapters/edge/haproxy/haproxy-edge.ts";
import { stopHaproxy } from "../adapters/edge/haproxy/stop.ts";
import { Fault } from "../base/faults.ts";
import { userOf } from "../host/alive.ts";
import { ContainerEngine } from "../host/engine.ts";
import { defaultUids, type UidRange, type User, usersOf } from "../host/users.ts";
import { type FrontProxies, noFrontProxies } from "../model/route.ts";
import type { Clock } from "../ports/clock.ts";
import type { Edge } from "../ports/edge.ts";
import type { Concern } from "./check.ts";
import { memoryVariables, nodeFlags } from "./node-flags.ts";
import type { Platform } from "./platform.ts";
import { firstClosed, nobody } from "./user.ts";

export type ProxyKind = "embedded" | "haproxy" | "container";

export interface EdgeOptions {
  readonly stateDirectory: string;
  readonly edge: { readonly host: string; readonly port: number };
  readonly edgeTls?: { readonly host: string; readonly port: number } | null;
  readonly frontProxies?: FrontProxies;
  readonly proxy?: ProxyKind;
  readonly proxyImage?: string;
  /** The users that a controller of root has for itself and its apps; default: `defaultUids`. */
  readonly appUids?: UidRange;
  /** The container engine's socket. */
  readonly engine: string;
  readonly env: Readonly<Record<string, string>>;
  readonly platform: Platform;
  readonly clock: Clock;
}

/** Where the edge of a state directory keeps its files. */
export function edgeDirectory(stateDirectory: string): string {
  return join(stateDirectory, "edge");
}

export interface OpenEdge {
  readonly edge: Edge;
  /** Ends it, after what is under way. */
  readonly stop: () => Promise<void>;
  /** Where its own words are, for people. */
  readonly log: string;
  /** Why it runs with more rights than it needs, and what to do; null: it does not. */
  readonly warning: () => Promise<Concern | null>;
}

/** The edge of a state directory, and how it is ended. */
export function openEdge(options: EdgeOptions): OpenEdge {
  const directory = edgeDirectory(options.stateDirectory);
  const kind = options.proxy ?? (options.platform === "docker" ? "container" : "embedded");
  const log = join(directory, "edge.log");
  const user = edgeUser(options.appUids ?? defaultUids);
  if (kind === "embedded") {
    const closed = user === null ? null : closedProgram();
    const warning = async () => closed ?? (user === null ? null : olderUser(directory, user));
    const edge = embedded(directory, { ...options, user: closed === null ? user : null });
    return { edge, stop: () => stopEdge(directory), log, warning };
  }
  const warning = async () => null;
  if (kind === "haproxy") {
    return { edge: haproxy(directory, { ...options, user }), stop: () => stopHaproxy(directory), log, warning };
  }
  const stop = () => stopContainer(options.engine, directory);
  const edge = container(directory, { ...options, user });
  const older = async () => (user === null ? null : olderContainer(options.engine, directory));
  return { edge, stop, log: containerLog(directory), warning: older };
}

type WithUser = EdgeOptions & { readonly user: User | null };

/** Whom the edge is to run as; null: as this process, which is not root's. Where a container has no range, `nobody` it is. */
function edgeUser(range: UidRange): User | null {
  if (process.getuid?.() !== 0) return null;
  try {
    return usersOf(range).edge;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "runtime.user") return nobody();
    throw thrown;
  }
}

/** Why the edge's user cannot run this program; null: it can. */
function closedProgram(): Concern | null {
  if (!existsSync(setpriv)) {
    return {
      what: `the edge runs as root because there is no ${setpriv}`,
      fix: "Install util-linux, and end the edge.",
    };
  }
  const fix = "Install Fairlead and its Node where every user can read them, like /usr/local, and end the edge.";
  for (const file of [process.execPath, edgeEntry()].map((path) => realpathSync(path))) {
    const closed = firstClosed(dirname(file)) ?? (statSync(file).mode & 0o004 ? null : file);
    if (closed !== null) return { what: `the edge runs as root because ${closed} is closed to other users`, fix };
  }
  return null;
}

/** An edge of before goes on as whoever it was: to exchange it costs the requests of a second, so a person chooses when. */
async function olderUser(directory: string, user: User): Promise<Concern | null> {
  const note = await readEmbeddedNote(directory);
  if (note === null || !(await isNotedRunning(note))) return null;
  const uid = userOf(note.pid);
  if (uid === null || uid === user.uid) return null;
  return {
    what: `the edge (process ${note.pid}), started by a previous version, runs as ${uid === 0 ? "root" : `uid ${uid}`}`,
    fix: `\`kill ${note.pid}\` if a second without service is acceptable: the controller starts one as uid ${user.uid}.`,
  };
}

/** The same for a container, whose master can become only what it was made for. */
async function olderContainer(socket: string, directory: string): Promise<Concern | null> {
  const engine = new ContainerEngine(socket);
  try {
    if (await canDrop(engine, directory)) return null;
  } catch (thrown) {
    // That is told by other checks.
    if (thrown instanceof Fault && thrown.code === "engine.unreachable") return null;
    throw thrown;
  } finally {
    engine.close();
  }
  const name = edgeContainerName(directory);
  return {
    what: `HAProxy in ${name}, created by a previous version or on a rootless engine, runs as root in its container`,
    fix: `If a previous version created it: run \`docker rm -f ${name}\` if a second without service is acceptable; the controller creates another.`,
  };
}

function embedded(directory: string, { edge, edgeTls, frontProxies, env, user, clock }: WithUser): Edge {
  return embeddedEdge({
    directory,
    listen: edge,
    secure: edgeTls ?? null,
    proxies: frontProxies ?? noFrontProxies,
    entry: [process.execPath, ...nodeFlags, edgeEntry()],
    env: { PATH: env.PATH ?? "", ...memoryVariables },
    user,
    clock,
  });
}

function haproxy(directory: string, { edge, edgeTls, frontProxies, env, user, clock }: WithUser): Edge {
  const path = `${env.PATH ?? ""}:/usr/local/sbin:/usr/sbin`;
  return haproxyEdge({
    directory,
    listen: edge,
    secure: edgeTls ?? null,
    proxies: frontProxies ?? noFrontProxies,
    run: { program: "haproxy", env: { PATH: path } },
    clock,
    ...(user && { user }),
  });
}

function container(directory: string, options: WithUser): Edge {
  const { edge, edgeTls, frontProxies, engine, proxyImage, user, clock } = options;
  return haproxyEdge({
    directory,
    listen: edge,
    secure: edgeTls ?? null,
    proxies: frontProxies ?? noFrontProxies,
    run: { engine, image: proxyImage ?? "haproxy:lts" },
    clock,
    ...(user && { user }),
  });
}

/** The edge's entry beside this file: source in a checkout, bundle in a release. */
function edgeEntry(): string {
  const here = fileURLToPath(import.meta.url);
  return join(dirname(here), here.endsWith(".ts") ? "edge.ts" : "edge.js");
}
