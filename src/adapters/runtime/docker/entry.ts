import type { Fault } from "../../../base/faults.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Exit } from "../../../model/instance.ts";
import type { ContainerState } from "./container.ts";
import type { End } from "./folder.ts";
import type { OutputFollower } from "./follow.ts";
import type { About } from "./labels.ts";

/** What is known of one instance or task. An exit never changes once it is there. */
export interface ContainerEntry {
  readonly about: About;
  readonly name: string;
  readonly key: EnvKey;
  id: string | null;
  createdAt: number;
  /** Null until its command was begun. */
  startedAt: number | null;
  /** The host's number of its first process. */
  pid: number;
  stopSignalAt: number | null;
  killedAt: number | null;
  exit: Exit | null;
  /** Somebody of this process is about to start it. */
  isStarting: boolean;
  /** How it ended first, not reported yet. */
  end: End | null;
  ending: Promise<void> | null;
  /** Whether the engine starts it again by itself, or is just being told to. */
  isArmed: boolean;
  arming: Promise<void> | null;
  ranOutOfMemory: boolean;
  follower: OutputFollower | null;
  /** Why nobody can say how it stands. */
  trouble: Fault | null;
  /** Looks in a row that failed; the next one is called off by `again`. */
  failures: number;
  again: (() => void) | null;
  /** It was asked to go after its end, and the engine would not take it away yet. */
  isLeaving: boolean;
}

export function isUp({ Running, Restarting }: ContainerState): boolean {
  return Running && !Restarting;
}

export function isEntryRunning({ startedAt, exit }: ContainerEntry): boolean {
  return startedAt !== null && exit === null;
}

export function wasStopped({ stopSignalAt, killedAt }: ContainerEntry): boolean {
  return stopSignalAt !== null || killedAt !== null;
}
