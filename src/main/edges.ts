import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { embeddedEdge } from "../adapters/edge/embedded/embedded-edge.ts";
import { stopEdge } from "../adapters/edge/embedded/stop.ts";
import { containerLog, stopContainer } from "../adapters/edge/haproxy/container.ts";
import { haproxyEdge } from "../adapters/edge/haproxy/haproxy-edge.ts";
import { stopHaproxy } from "../adapters/edge/haproxy/stop.ts";
import { type FrontProxies, noFrontProxies } from "../model/route.ts";
import type { Clock } from "../ports/clock.ts";
import type { Edge } from "../ports/edge.ts";
import { leanMemory, leanNode } from "./lean.ts";
import type { Platform } from "./platform.ts";
import { nobody } from "./user.ts";

export type ProxyKind = "embedded" | "haproxy" | "container";

export interface EdgeOptions {
  readonly stateDirectory: string;
  readonly edge: { readonly host: string; readonly port: number };
  readonly edgeTls?: { readonly host: string; readonly port: number } | null;
  readonly frontProxies?: FrontProxies;
  readonly proxy?: ProxyKind;
  readonly proxyImage?: string;
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
}

/** The edge of a state directory, and how it is ended. */
export function openEdge(options: EdgeOptions): OpenEdge {
  const directory = edgeDirectory(options.stateDirectory);
  const kind = options.proxy ?? (options.platform === "docker" ? "container" : "embedded");
  const log = join(directory, "edge.log");
  if (kind === "embedded") return { edge: embedded(directory, options), stop: () => stopEdge(directory), log };
  if (kind === "haproxy") return { edge: haproxy(directory, options), stop: () => stopHaproxy(directory), log };
  const stop = () => stopContainer(options.engine, directory);
  return { edge: container(directory, options), stop, log: containerLog(directory) };
}

function embedded(directory: string, { edge, edgeTls, frontProxies, env, clock }: EdgeOptions): Edge {
  return embeddedEdge({
    directory,
    listen: edge,
    secure: edgeTls ?? null,
    proxies: frontProxies ?? noFrontProxies,
    entry: [process.execPath, ...leanNode, edgeEntry()],
    env: { PATH: env.PATH ?? "", ...leanMemory },
    clock,
  });
}

function haproxy(directory: string, { edge, edgeTls, frontProxies, env, clock }: EdgeOptions): Edge {
  const path = `${env.PATH ?? ""}:/usr/local/sbin:/usr/sbin`;
  const user = process.getuid?.() === 0 ? nobody() : null;
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

function container(directory: string, { edge, edgeTls, frontProxies, engine, proxyImage, clock }: EdgeOptions): Edge {
  return haproxyEdge({
    directory,
    listen: edge,
    secure: edgeTls ?? null,
    proxies: frontProxies ?? noFrontProxies,
    run: { engine, image: proxyImage ?? "haproxy:lts" },
    clock,
  });
}

/** The edge's entry beside this file: source in a checkout, bundle in a release. */
function edgeEntry(): string {
  const here = fileURLToPath(import.meta.url);
  return join(dirname(here), here.endsWith(".ts") ? "edge.ts" : "edge.js");
}
