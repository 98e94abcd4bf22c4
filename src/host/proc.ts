import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from "node:fs";
import { isErrno } from "../base/faults.ts";

/**
 * What the kernel says of processes: proc(5). It is read synchronously, because a read of /proc is answered from memory
 * in some 10 µs, a tenth of what an asynchronous one costs. Where there is no /proc (macOS) a process is only known by
 * its number, and there is nothing to say about its group.
 */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  readonly group: number;
  readonly session: number;
  readonly cpuTicks: number;
  /** When it started, in the kernel's own ticks since boot. */
  readonly ticks: number;
}

/** What `read` gives, or null when its object is not there, not ours to read, or ended while it was read. */
export function unlessGone<T>(read: () => T): T | null {
  try {
    return read();
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ENOTDIR", "ESRCH", "EACCES", "EPERM", "EINVAL")) return null;
    throw thrown;
  }
}

export function procText(path: string): string | null {
  return unlessGone(() => readFileSync(path, "latin1"));
}

/** `stat` is shorter by far: 52 numbers and a name. */
const page = Buffer.allocUnsafe(4_096);

/** A file that one read gives whole: half the cost of reading until nothing more comes. */
function shortTextOf(path: string): string | null {
  return unlessGone(() => {
    const file = openSync(path, "r");
    try {
      return page.toString("latin1", 0, readSync(file, page, 0, page.length, 0));
    } finally {
      closeSync(file);
    }
  });
}

/** One process, or null when it is gone. The name in parentheses may hold anything, so fields count from the last one. */
export function statOf(pid: number): ProcessStat | null {
  const text = shortTextOf(`/proc/${pid}/stat`);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  return {
    pid,
    state: fields[0] ?? "X",
    parent: field(4),
    group: field(5),
    session: field(6),
    cpuTicks: field(14) + field(15) + field(16) + field(17),
    ticks: field(22),
  };
}

let boot: string | null | undefined;

/** Names this run of the machine; null where there is no /proc. */
export function bootId(): string | null {
  boot ??= procText("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
  return boot;
}

/** Whether it is there and no zombie, which is dead already and only waits to be collected. */
export function isPidAlive(pid: number): boolean {
  const found = statOf(pid);
  return found !== null && !"ZX".includes(found.state);
}

export function processOwner(pid: number): number | null {
  return unlessGone(() => statSync(`/proc/${pid}`).uid);
}

/** The numbers of all processes; none where there is no /proc. */
export function processNumbers(): readonly number[] {
  return (unlessGone(() => readdirSync("/proc")) ?? []).filter((name) => /^\d+$/.test(name)).map(Number);
}

/** Every process of the machine, dead ones that nobody has waited for included. */
export function allProcesses(): readonly ProcessStat[] {
  return processNumbers()
    .map(statOf)
    .filter((found) => found !== null);
}

/** Whether a process was started with this variable, `NAME=value`. */
export function hasVariable(pid: number, assignment: string): boolean {
  return (procText(`/proc/${pid}/environ`) ?? "").split("\0").includes(assignment);
}

/** What a process is called, for people. */
export function programOf(pid: number): string {
  return procText(`/proc/${pid}/comm`)?.trim() ?? "a program";
}

/** Inodes of the sockets that a process has open; descriptors come and go meanwhile. */
export function socketsOf(pid: number): readonly string[] {
  const directory = `/proc/${pid}/fd`;
  const descriptors = unlessGone(() => readdirSync(directory)) ?? [];
  return descriptors
    .map((descriptor) => unlessGone(() => readlinkSync(`${directory}/${descriptor}`)) ?? "")
    .map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1])
    .filter((inode) => inode !== undefined);
}

/** A socket that waits for connections. */
export interface ListeningSocket {
  /** As the kernel writes it, in hexadecimal. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
  /** Who opened it. */
  readonly uid: number;
}

/** LISTEN (include/net/tcp_states.h). */
const listens = "0A";

/** Who listens over TCP, IPv4 and IPv6: on this machine, or where a process lives. */
export function listeningSockets(pid: number | null = null): readonly ListeningSocket[] {
  const at = pid === null ? "/proc/net" : `/proc/${pid}/net`;
  return ["tcp", "tcp6"]
    .flatMap((family) => (procText(`${at}/${family}`) ?? "").split("\n"))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === listens)
    .map((fields) => {
      const [address = "", port = ""] = fields[1]?.split(":") ?? [];
      return { address, port: Number.parseInt(port, 16), inode: fields[9] ?? "", uid: Number(fields[7]) };
    });
}

/**
 * How many files this process, and those that it starts, may have open: the hard limit, to which Node raises its own. Null:
 * the system does not tell.
 */
export function descriptorLimit(): number | null {
  const [, hard] = /^Max open files +\S+ +(\d+|unlimited)/m.exec(procText("/proc/self/limits") ?? "") ?? [];
  return hard === undefined ? null : hard === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(hard);
}
