import { join } from "node:path";
import { openLogs } from "../adapters/logs/sqlite/open.ts";
import { networkProber } from "../adapters/probe/network/prober.ts";
import { guardKeyFile, openVault } from "../adapters/vault/keyring/open.ts";
import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { ContainerEngine } from "../host/engine.ts";
import { defaultUids, type UidRange } from "../host/users.ts";
import type { FrontProxies } from "../model/route.ts";
import type { Builder } from "../ports/builder.ts";
import type { Edge } from "../ports/edge.ts";
import type { Journal } from "../ports/journal.ts";
import type { LogStore } from "../ports/logs.ts";
import type { Prober } from "../ports/prober.ts";
import type { AttachingRuntime } from "../ports/runtime.ts";
import type { Vault } from "../ports/vault.ts";
import type { Concern } from "./check.ts";
import { systemClock } from "./clock.ts";
import { containers } from "./containers.ts";
import { openEdge, type ProxyKind } from "./edges.ts";
import { openStateJournal } from "./journal.ts";
import { choosePlatform, engineSocket, type Platform } from "./platform.ts";
import { processes } from "./processes.ts";
import { DiskReserve, reserveFile } from "./reserve.ts";
import { type LostFiles, noteStateFiles } from "./state-files.ts";
import { chooseUsers, nobodyElse, refuseClosed, type UserChoice, withNamespaces } from "./user.ts";

export interface AdapterOptions {
  readonly stateDirectory: string;
  /** Address where the edge takes traffic; with port 0 it chooses one and keeps it. */
  readonly edge: { readonly host: string; readonly port: number };
  /** Address where the edge takes TLS, port 0 as above; null: none. */
  readonly edgeTls?: { readonly host: string; readonly port: number } | null;
  /** Trusted proxies in front of the edge; default: none. */
  readonly frontProxies?: FrontProxies;
  /** Ports for instances. */
  readonly ports?: { readonly from: number; readonly to: number };
  readonly runAs?: string | null;
  /** User ids for a root controller and its apps; default: `defaultUids`. */
  readonly appUids?: UidRange;
  /** Where the controllers of root on this machine say which users they give out; omitted: nowhere. */
  readonly uidClaims?: string;
  /** Runtime of instances; default: `auto`. */
  readonly runtime?: Platform | "auto";
  /** The container engine's socket; default: as `engineSocket` finds it. */
  readonly engine?: string;
  /** Kind of edge; default: `container` for containers, otherwise `embedded`. */
  readonly proxy?: ProxyKind;
  /** The image of `container`. */
  readonly proxyImage?: string;
  /** Whether to start with an empty journal if the old one is lost; default: no. */
  readonly beginNew?: boolean;
  /** The controller's own environment; apps get only its PATH and language. */
  readonly env: Readonly<Record<string, string>>;
  /** Receives notices for people although nothing failed; default: ignored. */
  readonly notify?: (words: string) => void;
}

export interface Adapters {
  readonly journal: Journal;
  readonly runtime: AttachingRuntime;
  readonly builder: Builder;
  readonly edge: Edge;
  /** Stops the edge after its running requests. */
  readonly stopEdge: () => Promise<void>;
  /** Location of the edge's log, for people. */
  readonly edgeLog: string;
  /** Why the edge runs with more rights than it needs, and the fix; null: it does not. */
  readonly edgeWarning: () => Promise<Concern | null>;
  readonly prober: Prober;
  readonly vault: Vault;
  readonly logs: LogStore;
  readonly user: UserChoice;
  /** Missing isolation of apps. */
  readonly gaps: () => Promise<readonly Concern[]>;
  /** Fixes in the state directory to report; null: none. */
  readonly keyWarning: string | null;
  readonly platform: Platform;
  /** Files removed from the state directory since. */
  readonly lostFiles: LostFiles;
  /** Disk space that is released for journal, runtime and edge when the disk is full. */
  readonly reserve: DiskReserve;
  /** The container engine where containers are used; else null. */
  readonly engine: ContainerEngine | null;
}

/** Constructs every adapter on a state directory. The caller holds its lease. */
export async function openAdapters(options: AdapterOptions): Promise<Adapters> {
  const { stateDirectory, env, notify = () => undefined } = options;
  const at = (name: string) => join(stateDirectory, name);
  const clock = systemClock;
  const engine = new ContainerEngine(engineSocket(options.engine, env));
  const platform = await choosePlatform({
    wanted: options.runtime ?? "auto",
    stateDirectory,
    answers: () => answers(engine),
  });
  const user = await withNamespaces(userOf(options, platform), stateDirectory);
  await refuseClosed(user);
  // First of all that writes something: anything else there is from previous use.
  const reserve = new DiskReserve(reserveFile(stateDirectory), notify);
  const used = platform === "docker" ? engine : null;
  const begin = { stateDirectory, engine: used, beginNew: options.beginNew ?? false };
  const journal = await reserve.spend(() => openStateJournal(begin));
  const keyWarning = guardKeyFile(stateDirectory);
  const vault = openVault({
    directory: stateDirectory,
    masterKey: secretOf(env.FAIRLEAD_VAULT_KEY),
    oldMasterKey: secretOf(env.FAIRLEAD_VAULT_KEY_OLD),
  });
  const { runtime, builder, gaps } =
    platform === "docker"
      ? {
          ...containers({ stateDirectory, engine, installation: journal.installation, env, clock, notify }),
          gaps: async () => [],
        }
      : await processes({ ...options, user, clock, notify });
  const {
    edge,
    stop: stopEdge,
    log: edgeLog,
    warning: edgeWarning,
  } = openEdge({ ...options, engine: engine.socket, platform, clock });
  const logs = await openLogs(at("logs.db"), clock);
  const prober = networkProber();
  const lostFiles = noteStateFiles(stateDirectory);
  return {
    journal: reserve.for(journal),
    runtime: reserve.for(runtime),
    builder,
    edge: reserve.for(edge),
    stopEdge,
    edgeLog,
    edgeWarning,
    prober,
    vault,
    logs,
    user,
    gaps,
    keyWarning,
    platform,
    lostFiles,
    reserve,
    engine: used,
  };
}

function secretOf(text: string | undefined): Secret | null {
  return text ? new Secret(text) : null;
}

/** Containers have their own users. */
function userOf(options: AdapterOptions, platform: Platform): UserChoice {
  if (platform === "docker" && (options.proxy ?? "container") === "container") return nobodyElse;
  const { runAs = null, appUids = defaultUids, stateDirectory } = options;
  const choice = chooseUsers({ runAs, appUids, stateDirectory });
  return platform === "docker" ? { ...choice, apps: null, warning: null } : choice;
}

async function answers(engine: ContainerEngine): Promise<boolean> {
  try {
    await engine.version();
    return true;
  } catch (thrown) {
    if (thrown instanceof Fault) return false;
    throw thrown;
  }
}
