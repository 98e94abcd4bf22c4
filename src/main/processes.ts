import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { processBuilder } from "../adapters/build/process/builder.ts";
import { artifactDirectory } from "../adapters/build/source/content-store.ts";
import { lacksFor } from "../adapters/runtime/process/confine.ts";
import { runningAsOthers } from "../adapters/runtime/process/others.ts";
import { processRuntime } from "../adapters/runtime/process/runtime.ts";
import { oneUser, userForEach, usersGiven } from "../adapters/runtime/process/tenants.ts";
import { ownersOfVolumes } from "../adapters/runtime/process/volumes.ts";
import { sha256 } from "../base/digest.ts";
import { detect } from "../detect/detect.ts";
import { Firewall } from "../host/firewall.ts";
import { claimUids, type UidClaim } from "../host/uid-claims.ts";
import type { UidRange, User } from "../host/users.ts";
import type { Builder } from "../ports/builder.ts";
import type { Clock } from "../ports/clock.ts";
import type { AttachingRuntime } from "../ports/runtime.ts";
import { appPrograms, copied } from "./app-programs.ts";
import type { Concern } from "./check.ts";
import { isOpen, programsIn } from "./nodes.ts";
import { firstClosed, movedPaths, type UserChoice } from "./user.ts";

/** Below the range that Linux gives to outgoing connections (32768 up), so that none of those takes one away. */
export const defaultPorts = { from: 20_000, to: 29_999 } as const;

/**
 * Processes and threads of one environment: an eighth of what a kernel has numbers for (pid_max of proc(5): 32,768), so
 * that none can take them all. A process of Node has about ten threads.
 */
const mostProcesses = 4_096;

export interface ProcessOptions {
  readonly stateDirectory: string;
  readonly ports?: { readonly from: number; readonly to: number };
  readonly user: UserChoice;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Where the controllers of root on this machine say which users they give out; omitted: nowhere. */
  readonly uidClaims?: string;
  /** Is told what people should know although nothing failed. */
  readonly notify: (words: string) => void;
}

export interface Processes {
  readonly runtime: AttachingRuntime;
  readonly builder: Builder;
  /** What does not keep apps apart: ways that this machine does not have, and what still runs as another user. */
  readonly gaps: () => Promise<readonly Concern[]>;
}

/** Instances as plain processes in directories. */
export async function processes(options: ProcessOptions): Promise<Processes> {
  const { clock, notify, ports = defaultPorts } = options;
  // Apps are given no path with a link on the way, which may lie where they cannot pass through.
  const place = realpathSync(options.stateDirectory);
  const at = (name: string) => join(place, name);
  const store = at("store");
  const { apps, closed } = options.user;
  const range = apps !== null && "from" in apps ? apps : null;
  const { uidClaims } = options;
  const neighbours = async () =>
    range && uidClaims
      ? claimUids(uidClaims, { directory: place, from: options.user.edge?.uid ?? range.from, to: range.to })
      : [];
  await neighbours();
  // The first two of a range are an edge and the owner of artifacts.
  const others = async () =>
    (await neighbours()).flatMap(({ directory, from }) => [from, from + 1, ...usersGiven(join(directory, "run"))]);
  const owners = () => ownersOfVolumes(at("volumes"));
  const userOf = range ? userForEach(at("run"), range, { others, owners }) : oneUser(apps as User | null);
  const firewall = range && new Firewall(firewallName(options.stateDirectory));
  const programs = { ...programPlaces(options, at("node")), home: options.env.HOME };
  const programsFor = (directory: string) => programsIn(directory, programs);
  const baseEnv = appEnvironment(options, `${programs.own}:${programs.path}`);
  const runtime = processRuntime({
    directory: at("run"),
    volumeDirectory: at("volumes"),
    ports,
    userOf,
    baseEnv,
    buildEnv: wayOut(options.env),
    artifactDirectory: (digest) => artifactDirectory(store, digest),
    programsFor,
    closed: closed === null ? null : { directory: closed, shared: [at("node")].filter((path) => existsSync(path)) },
    mostProcesses: range && mostProcesses,
    guard: firewall && range && ((doors) => firewall.apply({ apps: range, doors })),
    clock,
    notify,
  });
  return {
    runtime,
    builder: processBuilder({
      directory: store,
      runtime,
      userOf,
      owner: options.user.store,
      clock,
      packages: { recipeOf: detect, env: baseEnv },
      programsFor,
      notify,
    }),
    gaps: async () => [
      ...(firewall && range ? await lacking(firewall, range) : []),
      ...leftBehind(at("run"), options.user),
      ...overlapping(await neighbours()),
    ],
  };
}

/** Named by the directory: of two installations on one machine neither touches the other's rules. */
export function firewallName(stateDirectory: string): string {
  return `fairlead_${sha256(stateDirectory).slice(-12)}`;
}

async function lacking(firewall: Firewall, apps: UidRange): Promise<readonly Concern[]> {
  const user = { uid: apps.from, gid: apps.from };
  const closed = await firewall.check({ apps, doors: [{ uid: user.uid, port: defaultPorts.from }] });
  const { mounts, rights, limits } = await lacksFor(user);
  const fix =
    "Install nftables or iptables and util-linux, and let the controller use them: `CAP_NET_ADMIN`, `CAP_SYS_ADMIN`.";
  return [
    closed && `apps can connect to each other's ports, because neither nft nor iptables works here: ${closed}`,
    mounts && `temporary directories of apps are on the disk, without a limit, and ${movedPaths}: ${mounts}`,
    limits && `one app can use up all processes of the machine: ${limits}`,
    rights && `apps may gain rights through setuid programs: ${rights}`,
  ].flatMap((what) => (what ? [{ what, fix }] : []));
}

/**
 * What a previous version, or other flags, started as another user or without namespaces. A person chooses when it is
 * replaced: a restart may be noticed.
 */
function leftBehind(directory: string, { apps, closed }: UserChoice): readonly Concern[] {
  if (apps === null && closed === null) return [];
  const found = [
    ...runningAsOthers(directory, ({ user, namespaced }) => {
      if (apps === null || user === null) return apps === null && namespaced;
      return "from" in apps ? user.uid >= apps.from && user.uid <= apps.to : user.uid === apps.uid;
    }),
  ];
  const how = apps === null ? "without namespaces of their own" : "as the user that a previous version gave them";
  if (found.length === 0) return [];
  const some = found.slice(0, mostNamed).map(([key, count]) => `${key} (${count})`);
  const more = found.length > mostNamed ? ` and ${found.length - mostNamed} more environments` : "";
  return [
    {
      what: `processes of ${some.join(", ")}${more} still run ${how}, and are not isolated`,
      fix: "Deploy these environments, or `fairlead restart -e ENVIRONMENT`; tasks continue as they are until they end.",
    },
  ];
}

function overlapping(neighbours: readonly UidClaim[]): readonly Concern[] {
  if (neighbours.length === 0) return [];
  const some = neighbours.slice(0, mostNamed).map(({ directory, from, to }) => `${directory} (${from}-${to})`);
  return [
    {
      what: `other controllers of this machine use the same users: ${some.join(", ")}; no two environments share one, but edges and builds do`,
      fix: "Give each controller its own range with --app-uids.",
    },
  ];
}

/** Names that a row of `doctor` has room for. */
const mostNamed = 5;

/** What every app finds in its environment; `programsIn` says more of PATH, and a manifest that sets it wins. */
function appEnvironment({ env }: ProcessOptions, PATH: string): Record<string, string> {
  const kept = Object.fromEntries(
    ["LANG", "LC_ALL", "TZ", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"].flatMap((name) =>
      env[name] === undefined ? [] : [[name, env[name]]],
    ),
  );
  return { ...kept, PATH };
}

/**
 * Where apps find programs: this machine's, with what helps apps last, and Fairlead's own Node. A closed directory would
 * make a shell say "Permission denied" of every program that is nowhere.
 */
function programPlaces({ env }: ProcessOptions, copy: string): { readonly path: string; readonly own: string } {
  const path = env.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const node = reachableNode(copy);
  return { path: [...path.split(":").filter(isOpen), appPrograms(copy, node)].join(":"), own: dirname(node) };
}

/** How package managers on this machine reach their registries: proxies, authorities and mirrors. */
const waysOut = [
  /^(?:https?|all|no)_proxy$/i,
  /^(?:PIP_CERT|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO|CARGO_HTTP_CAINFO|DENO_CERT)$/,
  /^npm_config_(?:registry|cafile|proxy|https_proxy|noproxy)$/i,
  /^(?:PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|TRUSTED_HOST)|UV_(?:DEFAULT_INDEX|INDEX_URL|FIND_LINKS)|GOPROXY|GOSUMDB|GOPRIVATE)$/,
];

/** Only builds get these: an app states in its manifest how it reaches others. */
function wayOut(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => waysOut.some((pattern) => pattern.test(name))));
}

/** This Node's program where every user can start it: itself, or a copy when it is in a closed directory. */
function reachableNode(copy: string): string {
  if (process.getuid?.() !== 0 || firstClosed(dirname(process.execPath)) === null) return process.execPath;
  return copied(process.execPath, join(copy, `node-${process.version}`, "node"), 0o755);
}
