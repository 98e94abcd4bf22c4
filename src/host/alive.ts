import { isErrno } from "../base/faults.ts";
import { procText, statOf } from "./proc.ts";

/** A permanent process identity: the system reuses pids. */
export interface ProcessId {
  readonly pid: number;
  /** Null if the system does not report it. */
  readonly startTime: string | null;
}

/** When a process started, in the kernel's own ticks (proc(5), field 22 of stat); null if there is no such process. */
export function startTimeOf(pid: number): string | null {
  const found = statOf(pid);
  // A zombie has ended and only waits to be reaped.
  return found === null || found.state === "Z" ? null : String(found.ticks);
}

/** Whether the process still runs and is not another one with the same pid. */
export function isAlive(known: ProcessId): boolean {
  try {
    process.kill(known.pid, 0);
  } catch (thrown) {
    if (isErrno(thrown, "ESRCH", "EPERM")) return false;
    throw thrown;
  }
  return known.startTime === null || startTimeOf(known.pid) === known.startTime;
}

/** The user of a process (proc(5), the effective user of status); null if there is no such process. */
export function userOf(pid: number): number | null {
  const [, uid] = /^Uid:\t\d+\t(\d+)/m.exec(procText(`/proc/${pid}/status`) ?? "") ?? [];
  return uid === undefined ? null : Number(uid);
}
