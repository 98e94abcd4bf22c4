import { statfs } from "node:fs/promises";
import { asFault, Fault, isErrno } from "../../../base/faults.ts";
import { formatSize } from "../../../base/size.ts";
import type { ContainerEngine } from "../../../host/engine.ts";
import type { Clock } from "../../../ports/clock.ts";
import { isKeptByContainerd, type StoreInfo } from "./images.ts";

/** Free space that a build needs besides twice its context, and the floor at which it is stopped. */
export interface RoomPolicy {
  readonly reserveBytes: number;
  readonly floorBytes: number;
}

/** The context exists twice while it is copied into a layer; packages and layers need the rest. */
export const usualRoom: RoomPolicy = { reserveBytes: 1024 ** 3, floorBytes: 256 * 1024 ** 2 };

const lookMs = 500;

/** Directory of containerd's images, unless the engine starts containerd itself and keeps them in its own. */
const containerdRoot = "/var/lib/containerd";

/** Free bytes where the engine keeps its images; null if its disk is not on this machine. */
export async function freeRoom(engine: ContainerEngine): Promise<number | null> {
  return freeRoomOf(await engine.json<StoreInfo>("GET", "/info"));
}

/** The same from `/info`; of two places the fuller one counts. */
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

/** Fault `build.no-room` if there is too little space for a build of this context. */
export function refuseWithoutRoom(free: number, contextBytes: number, { reserveBytes }: RoomPolicy): void {
  const needed = 2 * contextBytes + reserveBytes;
  if (free >= needed) return;
  const detail = `the engine's disk has ${formatSize(free)} left, a build of this context needs ${formatSize(needed)}`;
  throw new Fault("build.no-room", detail);
}

/**
 * Watches the disk while a build runs and calls `full` before it is full, because everything else on the machine needs
 * space too. The returned function stops the watch.
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
  // The build itself notices an engine that does not answer.
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

/** Fault `build.no-room` if a build left less than the floor. */
export function refuseFullDisk(free: number | null, { floorBytes }: RoomPolicy): void {
  if (free === null || free >= floorBytes) return;
  const left = `${formatSize(free)} on the engine's disk, less than ${formatSize(floorBytes)}`;
  throw new Fault("build.no-room", `the build was stopped because it left only ${left}`);
}

/**
 * Whether a build's output reports a full disk: what strerror(3) has for ENOSPC, and Go for the same. A step reports
 * only its exit code and its output. Only the name of the failure depends on this.
 */
export function saysDiskFull(text: string): boolean {
  return /no space left on device/i.test(text);
}
