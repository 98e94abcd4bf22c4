import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { isKeptByContainerd, type StoreInfo } from "../adapters/build/docker/images.ts";
import { freeRoomOf } from "../adapters/build/docker/room.ts";
import { freePrefixes } from "../adapters/runtime/docker/networks.ts";
import { Fault, isErrno } from "../base/faults.ts";
import { formatSize } from "../base/size.ts";
import type { CheckView } from "../contract/controller.ts";
import { type ContainerEngine, type EngineVersion, isRefusal } from "../host/engine.ts";
import { fail, ok, warn } from "./check.ts";
import { listeners } from "./listeners.ts";

/** What is read of the engine's `/info`. */
export interface EngineInfo extends StoreInfo {
  readonly Driver: string;
  readonly DockerRootDir: string;
  readonly LiveRestoreEnabled: boolean;
  readonly MemoryLimit: boolean;
  readonly CpuCfsQuota: boolean;
  readonly PidsLimit: boolean;
  readonly MemTotal: number;
  readonly SystemTime: string;
  readonly Swarm?: { readonly LocalNodeState?: string };
}

/** What is read of `/system/df`; bytes. */
export interface EngineUsage {
  readonly LayersSize?: number;
  readonly Images: readonly { readonly Created: number; readonly Size: number; readonly SharedSize: number }[] | null;
  readonly BuildCache: readonly { readonly Size: number; readonly Shared: boolean }[] | null;
}

export interface EngineContainer {
  readonly Names: readonly string[];
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Ports: readonly { readonly IP?: string; readonly PublicPort?: number }[] | null;
}

export interface EngineNetwork {
  readonly IPAM: { readonly Config: readonly { readonly Subnet?: string }[] | null };
}

const dayMs = 86_400_000;
/** Space that a build needs before it starts (src/adapters/build). */
const diskFailBytes = 1024 ** 3;
const diskWarnBytes = 5 * 1024 ** 3;
const fewDays = 14;
/** Certificates, tokens and schedules tolerate a second or two. */
const skewWarnMs = 2_000;
/** An engine with many images takes long to count layers. */
const usageMs = 20_000;
const usageAgainMs = 200;
const fewNetworks = 5;
const webPorts: readonly number[] = [80, 443];

/**
 * The rows of `doctor` about this machine's container engine, one per check. Never throws for an engine that does not
 * answer: then there is one row that says so.
 */
export async function dockerChecks(engine: ContainerEngine, now: () => number): Promise<CheckView[]> {
  try {
    const version = await engine.version();
    const askedAt = now();
    const info = await engine.json<EngineInfo>("GET", "/info");
    const skewMs = Date.parse(info.SystemTime) - (askedAt + now()) / 2;
    const containers = await engine.json<EngineContainer[]>("GET", "/containers/json");
    const networks = await engine.json<EngineNetwork[]>("GET", "/networks");
    return [
      engineCheck(version, info),
      liveRestoreCheck(info),
      engineDiskCheck({ info, usage: await usageOf(engine, now), free: await freeRoomOf(info), now: now() }),
      limitsCheck(info),
      clockCheck(skewMs),
      publishedCheck(containers, await hasUfw()),
      addressesCheck(networks, machineNetworks()),
    ];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [fail("engine", error.detail, error.hint)];
  }
}

function engineCheck({ engine, api }: EngineVersion, { Driver }: EngineInfo): CheckView {
  const detail = `Docker ${engine}, API ${api}, storage ${Driver}`;
  // Both copy whole layers, or use loop devices: slow, and quickly full.
  if (!["vfs", "devicemapper", "aufs"].includes(Driver)) return ok("engine", detail);
  return warn("engine", detail, 'Use a file system that has overlay2, and set "storage-driver" in daemon.json.');
}

export function liveRestoreCheck({ LiveRestoreEnabled, Swarm }: EngineInfo): CheckView {
  const name = "live-restore";
  if (LiveRestoreEnabled) return ok(name, "apps keep running while the engine restarts");
  const detail = "apps stop while the engine restarts, e.g. for an update of it";
  // The engine refuses the two together.
  if (Swarm?.LocalNodeState === "active") return ok(name, `${detail}; a swarm node cannot do otherwise`);
  return warn(name, detail, 'Put "live-restore": true into /etc/docker/daemon.json, then systemctl reload docker.');
}

export interface DiskFacts {
  readonly info: EngineInfo;
  /** Null when the engine took too long to count. */
  readonly usage: EngineUsage | null;
  /** Null when the engine's disk cannot be seen from here. */
  readonly free: number | null;
  readonly now: number;
}

export function engineDiskCheck({ info, usage, free, now }: DiskFacts): CheckView {
  const name = "engine disk";
  const held = usage === null ? "" : `; ${heldBy(usage)}`;
  if (free === null) return ok(name, `${info.DockerRootDir} cannot be seen from here${held}`);
  const days = usage === null ? Number.POSITIVE_INFINITY : free / growthADay(usage, now);
  const forecast = days <= 365 ? `; full in ${Math.floor(days)} days at the pace of the last week` : "";
  const place = isKeptByContainerd(info) ? "where the engine and containerd keep images" : `at ${info.DockerRootDir}`;
  const detail = `${formatSize(free)} free ${place}${held}${forecast}`;
  const fix = "Free some space, or move the engine's data to a larger disk (`data-root` in daemon.json).";
  if (free < diskFailBytes) return fail(name, detail, fix);
  return free < diskWarnBytes || days < fewDays ? warn(name, detail, fix) : ok(name, detail);
}

function heldBy({ LayersSize, Images, BuildCache }: EngineUsage): string {
  const cache = (BuildCache ?? []).filter(({ Shared }) => !Shared);
  return `images ${formatSize(LayersSize ?? sum(Images ?? []))}, build cache ${formatSize(sum(cache))}`;
}

/** Bytes a day that images of the last seven days brought, without what they share with others. */
function growthADay({ Images }: EngineUsage, now: number): number {
  const fresh = (Images ?? []).filter(({ Created }) => Created * 1_000 > now - 7 * dayMs);
  return sum(fresh.map(({ Size, SharedSize }) => ({ Size: Size - Math.max(SharedSize, 0) }))) / 7;
}

function sum(things: readonly { readonly Size: number }[]): number {
  return things.reduce((total, { Size }) => total + Size, 0);
}

function limitsCheck({ MemoryLimit, CpuCfsQuota, PidsLimit, MemTotal }: EngineInfo): CheckView {
  const kinds = { memory: MemoryLimit, CPU: CpuCfsQuota, processes: PidsLimit };
  const missing = Object.entries(kinds).flatMap(([kind, has]) => (has ? [] : [kind]));
  if (missing.length === 0)
    return ok("limits", `the kernel enforces limits of containers; ${formatSize(MemTotal)} in all`);
  const detail = `the kernel does not limit ${missing.join(", ")} of containers`;
  return warn("limits", detail, "Boot with cgroups on: `cgroup_enable=memory` on the kernel's command line.");
}

export function clockCheck(skewMs: number): CheckView {
  const seconds = (Math.abs(skewMs) / 1_000).toFixed(1);
  if (Math.abs(skewMs) <= skewWarnMs) return ok("clock", `the engine's is ${seconds} s off the controller's`);
  const detail = `the engine's clock is ${seconds} s ${skewMs > 0 ? "ahead of" : "behind"} the controller's`;
  return warn("clock", detail, "Synchronise both with a time server: `timedatectl set-ntp true`.");
}

/**
 * The engine writes its own firewall rules for a published port, before those of ufw or firewalld are asked: such a
 * port is open to everybody. Fairlead publishes none; ports published by others are reported.
 */
export function publishedCheck(containers: readonly EngineContainer[], ufw: boolean): CheckView {
  const open = containers.flatMap((container) => {
    const ports = (container.Ports ?? []).filter(
      ({ IP, PublicPort }) => PublicPort && (IP === "0.0.0.0" || IP === "::"),
    );
    const numbers = [...new Set(ports.map(({ PublicPort }) => PublicPort))];
    const name = container.Names[0]?.replace(/^\//, "") ?? "a container";
    return numbers.length === 0 ? [] : [{ words: `${name} (${numbers.join(", ")})`, ours: isOurs(container) }];
  });
  const words = (ours: boolean) => open.flatMap((one) => (one.ours === ours ? [one.words] : [])).join(", ");
  const [own, others] = [words(true), words(false)];
  if (own !== "") {
    const fix = "Only Fairlead's edge should be reachable from outside: remove what published it by hand.";
    return fail("published", `open to everybody: ${own}`, fix);
  }
  const past = ufw ? "everybody, past ufw" : "everybody";
  return ok(
    "published",
    others === "" ? "no container publishes a port" : `others' containers open to ${past}: ${others}`,
  );
}

function isOurs({ Labels }: EngineContainer): boolean {
  return Labels?.["fairlead.installation"] !== undefined;
}

/** Every environment has a network of its own, cut from one range of private addresses (src/adapters/runtime/docker). */
export function addressesCheck(networks: readonly EngineNetwork[], ofMachine: readonly string[]): CheckView {
  const taken = networks.flatMap(({ IPAM }) => (IPAM.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []));
  const free = freePrefixes([...taken, ...ofMachine], 0).length;
  const detail = `${free} networks left for new environments`;
  if (free >= fewNetworks) return ok("addresses", detail);
  const fix = "Networks in 10.222.0.0/16 are used up: stop unused environments, or route that range elsewhere.";
  return free > 0 ? warn("addresses", detail, fix) : fail("addresses", detail, fix);
}

/** Networks in which this machine has an address itself. */
function machineNetworks(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((all) => (all ?? []).flatMap(({ cidr }) => cidr ?? []));
}

/**
 * Whether the ports of the web are free for the edge, or taken by it. An edge at another address (development, a proxy
 * in front of it) does not need them.
 */
export function webPortsCheck(edgePorts: readonly number[], taken = listeners(webPorts)): CheckView {
  const others = taken.filter(({ port }) => !edgePorts.includes(port));
  if (others.length === 0) {
    const ours = taken.map(({ port }) => port).join(" and ");
    return ok("web ports", ours === "" ? "80 and 443 are free" : `the edge has ${ours}`);
  }
  const words = others.map(({ port, program }) => `${port} by ${program ?? "another program"}`).join(", ");
  if (edgePorts.length > 0 && !edgePorts.some((port) => webPorts.includes(port))) {
    return ok("web ports", `the edge is elsewhere, at ${edgePorts.join(" and ")}; taken: ${words}`);
  }
  return warn("web ports", `taken: ${words}`, "Stop it, or give the edge another address with --edge.");
}

/** Engines before 23 compute for one client at a time and refuse others (500): the request is retried. */
async function usageOf(engine: ContainerEngine, now: () => number): Promise<EngineUsage | null> {
  const until = now() + usageMs;
  for (;;) {
    try {
      return await engine.json<EngineUsage>("GET", "/system/df", { withinMs: Math.max(1, until - now()) });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (!isRefusal(error, 500) || now() >= until) return null;
    }
    await pause(usageAgainMs);
  }
}

async function hasUfw(): Promise<boolean> {
  try {
    return /^ENABLED=yes$/m.test(await readFile("/etc/ufw/ufw.conf", "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES")) return false;
    throw error;
  }
}
