import type { Fault } from "../../../base/faults.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Exit, ObservedInstance, ObservedTask, Unreadable } from "../../../model/instance.ts";
import type { ObservedData } from "../../../model/workload.ts";
import { type ContainerState, containerName, type Listed } from "./container.ts";
import type { End } from "./folder.ts";
import type { OutputFollower } from "./follow.ts";
import { type About, identified } from "./labels.ts";

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
  /** Whether this process has the streams of an attached task. */
  isHeld: boolean;
  /** Why its state is unknown. */
  trouble: Fault | null;
  /** Looks in a row that failed; the next one is called off by `again`. */
  failures: number;
  again: (() => void) | null;
  /** It was asked to go after its end, and the engine would not take it away yet. */
  isLeaving: boolean;
}

/** Whether its streams are somebody's, and not kept in files. */
export function isAttached({ about }: Pick<ContainerEntry, "about">): boolean {
  return about.kind === "task" && about.spec.purpose === "attached";
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

/** The engine's containers by what their labels say of them; an edge is none of these. */
export function sortedByLabels(listed: readonly Listed[]) {
  const all = listed.map((each) => ({ each, found: identified(containerName(each), each.Labels) }));
  return {
    known: all.flatMap(({ each, found }) => (found?.is === "known" ? [[found.about, each] as const] : [])),
    illegible: all.flatMap(({ found }) => (found?.is === "illegible" ? [found.one] : [])),
    unknown: all.flatMap(({ found }) => (found?.is === "unknown" ? [found.one] : [])),
  };
}

/** What is seen of entries that were begun, and which of them cannot be inspected. */
export function observedAs(entries: readonly ContainerEntry[]) {
  const instances: ObservedInstance[] = [];
  const data: ObservedData[] = [];
  const tasks: ObservedTask[] = [];
  const unreadable: Unreadable[] = [];
  for (const { about, name, startedAt, stopSignalAt, killedAt, exit, trouble, isHeld } of entries) {
    if (trouble) {
      const identity = about.kind === "instance" ? about.identity : null;
      unreadable.push({ name, identity, why: trouble.detail });
    } else if (startedAt === null) continue;
    else if (about.kind === "task") tasks.push({ name, spec: about.spec, startedAt, stopSignalAt, isHeld, exit });
    else {
      const { identity, address, privatePorts } = about;
      const seen = { name, startedAt, address, privatePorts, stopSignalAt, killedAt, exit };
      if (identity.kind === "data") data.push({ ...seen, identity });
      else instances.push({ ...seen, identity });
    }
  }
  return { instances, data, tasks, unreadable };
}
