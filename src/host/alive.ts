import { isErrno } from "../base/faults.ts";
import { procText, statOf } from "./proc.ts";

/** A process for good: a pid alone is used again by the system. */
export interface ProcessId {
  readonly pid: number;
  /** Null where the system does not tell. */
  readonly startTime: string | null;
}

/** When a process started, in the kernel's own ticks (proc(5), field 22 of stat); null when there is no such process. */
export function startTimeOf(pid: number): string | null {
  const found = statOf(pid);
  // A zombie is dead already and only waits to be collected.
  return found === null || found.state === "Z" ? null : String(found.ticks);
}

/** Whether the process still runs and is no other one with its number. */
export function isAlive(known: ProcessId): boolean {
  try {
    process.kill(known.pid, 0);
  } catch (thrown) {
    if (isErrno(thrown, "ESRCH", "EPERM")) return false;
    throw thrown;
  }
  return known.startTime === null || startTimeOf(known.pid) === known.startTime;
}

/** Whom a process runs as (proc(5), the effective user of status); null when there is no such process. */
export function userOf(pid: number): number | null {
  const [, uid] = /^Uid:\t\d+\t(\d+)/m.exec(procText(`/proc/${pid}/status`) ?? "") ?? [];
  return uid === undefined ? null : Number(uid);
}
