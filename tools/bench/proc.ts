import { readdirSync, readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { isErrno } from "../../src/base/faults.ts";

const nanosecondsPerMs = 1e6;

/** CPU time in ms that a process has used, all its threads together, to the nanosecond (proc(5), schedstat). */
export function cpuMs(pid: number): number {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readUnlessGone(`/proc/${pid}/task/${thread}/schedstat`);
    total += Number(text.split(" ")[0] ?? 0) / nanosecondsPerMs;
  }
  return total;
}

export interface Memory {
  readonly residentMb: number;
  readonly peakMb: number;
}

/** Resident memory of a process now, and the most that it ever had. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) / 1024;
  return { residentMb: of("VmRSS"), peakMb: of("VmHWM") };
}

/** CPU time in ms of this process's children that have ended; whole clock ticks of 10 ms. */
export function endedChildrenCpuMs(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

/** Pids of the processes whose command line or working directory is in a directory. */
export function processesIn(directory: string, whereOf: (pid: number) => string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    if (pid === process.pid) return false;
    return readUnlessGone(`/proc/${pid}/cmdline`).includes(directory) || whereOf(pid).startsWith(directory);
  });
}

/** The text of a file of /proc; empty when its process ended meanwhile. */
export function readUnlessGone(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ESRCH")) return "";
    throw thrown;
  }
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the last minute: what else the machine was doing. */
  readonly load: number;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}
