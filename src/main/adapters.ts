import { chmodSync, copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { processBuilder } from "../adapters/build/process/builder.ts";
import { embeddedEdge } from "../adapters/edge/embedded/embedded-edge.ts";
import { openJournal } from "../adapters/journal/sqlite/open.ts";
import { openLogs } from "../adapters/logs/sqlite/open.ts";
import { networkProber } from "../adapters/probe/network/prober.ts";
import { processRuntime } from "../adapters/runtime/process/runtime.ts";
import { type FrontProxies, noFrontProxies } from "../model/route.ts";
import type { Builder } from "../ports/builder.ts";
import type { Edge } from "../ports/edge.ts";
import type { Journal } from "../ports/journal.ts";
import type { LogStore } from "../ports/logs.ts";
import type { Prober } from "../ports/prober.ts";
import type { Runtime } from "../ports/runtime.ts";
import { systemClock } from "./clock.ts";
import { chooseUser, firstClosed, type UserChoice } from "./user.ts";

export interface AdapterOptions {
  readonly stateDirectory: string;
  /** Where the edge takes traffic; port 0 lets it choose one that it then keeps. */
  readonly edge: { readonly host: string; readonly port: number };
  /** Where the edge takes TLS, port 0 as above; null: nowhere. */
  readonly edgeTls?: { readonly host: string; readonly port: number } | null;
  /** Proxies in front of the edge that it believes; default: none. */
  readonly frontProxies?: FrontProxies;
  /** Ports that instances get. */
  readonly ports?: { readonly from: number; readonly to: number };
  readonly runAs?: string | null;
  /** The controller's own environment; apps get PATH and the language of it and nothing else. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Adapters {
  readonly journal: Journal;
  readonly runtime: Runtime;
  readonly builder: Builder;
  readonly edge: Edge;
  readonly prober: Prober;
  readonly logs: LogStore;
  readonly user: UserChoice;
}

/** Below the range that Linux gives to outgoing connections (32768 up), so that none of those takes one away. */
export const defaultPorts = { from: 20_000, to: 29_999 } as const;

/**
 * Node's young objects in 3 × 2 MB instead of 3 × 16: under load the edge stays 25 MB smaller at the same CPU a request
 * (docs/performance.md).
 */
const youngSpace = "--max-semi-space-size=2";

/** Constructs every adapter on a state directory. The caller holds its lease. */
export async function openAdapters(options: AdapterOptions): Promise<Adapters> {
  const at = (name: string) => join(options.stateDirectory, name);
  const user = chooseUser(options.runAs ?? null, { directory: options.stateDirectory, home: at("home") });
  const clock = systemClock;
  const journal = await openJournal(at("journal.db"), clock);
  const store = at("store");
  const runtime = processRuntime({
    directory: at("run"),
    ports: options.ports ?? defaultPorts,
    runAs: user.runAs,
    baseEnv: appEnvironment(options, at("node")),
    artifactDirectory: (digest) => join(store, "artifacts", digest.replace("sha256:", "")),
    clock,
  });
  const builder = processBuilder({ directory: store, runtime, runAs: user.runAs, clock });
  const edge = embeddedEdge({
    directory: at("edge"),
    listen: options.edge,
    secure: options.edgeTls ?? null,
    proxies: options.frontProxies ?? noFrontProxies,
    entry: [process.execPath, youngSpace, edgeEntry()],
    env: { PATH: options.env.PATH ?? "" },
    clock,
  });
  const logs = await openLogs(at("logs.db"), clock);
  return { journal, runtime, builder, edge, prober: networkProber(), logs, user };
}

/** The edge's entry beside this file: source in a checkout, bundle in a release. */
function edgeEntry(): string {
  const here = fileURLToPath(import.meta.url);
  return join(dirname(here), here.endsWith(".ts") ? "edge.ts" : "edge.js");
}

/**
 * What every app finds in its environment. The pinned Node comes first on PATH, so that an app runs the same on a machine
 * with another Node or none; a manifest that sets PATH wins.
 */
function appEnvironment(options: AdapterOptions, copy: string): Record<string, string> {
  const { env } = options;
  const kept = Object.fromEntries(
    ["LANG", "LC_ALL", "TZ", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"].flatMap((name) =>
      env[name] === undefined ? [] : [[name, env[name]]],
    ),
  );
  const path = env.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return { ...kept, PATH: `${dirname(reachableNode(copy))}:${path}` };
}

/** This Node's program where every user can start it: itself, or a copy when it lies in a closed directory. */
function reachableNode(copy: string): string {
  if (process.getuid?.() !== 0 || firstClosed(dirname(process.execPath)) === null) return process.execPath;
  const target = join(copy, `node-${process.version}`, "node");
  if (!existsSync(target)) {
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    copyFileSync(process.execPath, target);
    chmodSync(target, 0o755);
  }
  return target;
}
