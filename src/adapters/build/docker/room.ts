import { statfs } from "node:fs/promises";
import { asFault, Fault, isErrno } from "../../../base/faults.ts";
import { formatSize } from "../../../base/size.ts";
import type { ContainerEngine } from "../../../host/engine.ts";
import type { Clock } from "../../../ports/clock.ts";
import { isKeptByContainerd, type StoreInfo } from "./images.ts";

/** How much room a build must find, beside twice its context, and below what it is ended. */
export interface RoomPolicy {
  readonly reserveBytes: number;
  readonly floorBytes: number;
}

/** The context is there twice while it is copied into a layer; packages and the layers themselves take the rest. */
export const usualRoom: RoomPolicy = { reserveBytes: 1024 ** 3, floorBytes: 256 * 1024 ** 2 };

const lookMs = 500;

/** Where containerd keeps images unless the engine starts it itself: then they are in a directory of the engine's. */
const containerdRoot = "/var/lib/containerd";

/** Free bytes where the engine keeps its images; null when its disk is not this machine's, so that nobody can tell. */
export async function freeRoom(engine: ContainerEngine): Promise<number | null> {
  return freeRoomOf(await engine.json<StoreInfo>("GET", "/info"));
}

/** The same by what `/info` says; of two places the fuller one counts. */
export async function freeRoomOf(info: StoreInfo, free = freeAt): Promise<number | null> {
  if (info.DockerRootDir === undefined) return null;
  const own = await free(info.DockerRootDir);
  if (own === null || !isKeptByContainerd(info)) return own;
  return Math.min(own, (await free(containerdRoot)) ?? own);
}

async function freeAt(directory: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ENOTDIR", "EACCES")) return null;
    throw thrown;
  }
}

/** Faults with `build.no-room` when a build of this context would find too little room. */
export function refuseWithoutRoom(free: number, contextBytes: number, { reserveBytes }: RoomPolicy): void {
  const needed = 2 * contextBytes + reserveBytes;
  if (free >= needed) return;
  const detail = `the engine's disk has ${formatSize(free)} left, a build of this context needs ${formatSize(needed)}`;
  throw new Fault("build.no-room", detail);
}

/**
 * Looks at the disk while a build continues and calls `full` when it runs full, before it is: what else runs on the
 * machine needs room too. The answer ends the looking.
 */
export function watchRoom(
  { engine, clock, policy }: { engine: ContainerEngine; clock: Clock; policy: RoomPolicy },
  full: (fault: Fault) => void,
): () => void {
  let over = false;
  let cancel = () => {};
  const look = async () => {
    const free = await freeRoom(engine);
    if (over) return;
    try {
      refuseFullDisk(free, policy);
      later();
    } catch (thrown) {
      full(asFault(thrown));
    }
  };
  // An engine that does not answer is noticed by the build itself.
  const failed = (thrown: unknown) => (thrown instanceof Fault ? later() : full(asFault(thrown)));
  const later = () => {
    cancel = clock.after(lookMs, () => void look().catch(failed));
  };
  later();
  return () => {
    over = true;
    cancel();
  };
}

/** Faults with `build.no-room` when a build has left less than the floor. */
export function refuseFullDisk(free: number | null, { floorBytes }: RoomPolicy): void {
  if (free === null || free >= floorBytes) return;
  const left = `${formatSize(free)} on the engine's disk, less than ${formatSize(floorBytes)}`;
  throw new Fault("build.no-room", `the build was stopped because it left only ${left}`);
}

/**
 * Whether a build's output reports a full disk: what strerror(3) has for ENOSPC, and Go for the same. A step gives its
 * exit code and nothing else beside its words. Only how the failure is called depends on this.
 */
export function saysDiskFull(text: string): boolean {
  return /no space left on device/i.test(text);
}
