import { readFile } from "node:fs/promises";
import { isErrno } from "../base/faults.ts";

/** A process for good: a pid alone is used again by the system. */
export interface ProcessId {
  readonly pid: number;
  /** Null where the system does not tell. */
  readonly startTime: string | null;
}

/** When a process started, in the kernel's own ticks (proc(5), field 22 of stat); null when there is no such process. */
export async function startTimeOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie is dead already and only waits to be collected.
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ESRCH")) return null;
    throw thrown;
  }
}

/** Whether the process still runs and is no other one with its number. */
export async function isAlive(known: ProcessId): Promise<boolean> {
  try {
    process.kill(known.pid, 0);
  } catch (thrown) {
    if (isErrno(thrown, "ESRCH", "EPERM")) return false;
    throw thrown;
  }
  return known.startTime === null || (await startTimeOf(known.pid)) === known.startTime;
}

/** Whom a process runs as (proc(5), the effective user of status); null when there is no such process. */
export async function userOf(pid: number): Promise<number | null> {
  try {
    const [, uid] = /^Uid:\t\d+\t(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
    return uid === undefined ? null : Number(uid);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ESRCH")) return null;
    throw thrown;
  }
}
