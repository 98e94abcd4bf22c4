import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { constants } from "node:os";
import { isErrno } from "../../../base/faults.ts";
import type { Usage } from "../../../model/instance.ts";
import type { Claim } from "./supervisor.ts";

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
  readonly ticks: number;
}

/** Ticks of proc(5)'s times in a second: USER_HZ, 100 on every Linux that Node supports. */
const ticksPerSecond = 100;

/** What `read` gives, or null when its object is not there, not ours to read, or ended while it was read. */
export function unlessGone<T>(read: () => T): T | null {
  try {
    return read();
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ESRCH", "EACCES", "EPERM")) return null;
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

/** How many processes the kernel has killed for want of memory since boot. */
export function oomKills(): number {
  return Number(/^oom_kill (\d+)$/m.exec(procText("/proc/vmstat") ?? "")?.[1] ?? 0);
}

/**
 * Whether the process that made a claim still runs: same number, start time and boot, and, where instances run as a user
 * of their own, that user's. The last is because the user can write claims: one must never lead to a foreign process.
 */
export function isClaimRunning(claim: Claim, uid: number | null): boolean {
  if (claim.pid === null) return false;
  if (bootId() === null) return answersSignals(claim.pid);
  const found = statOf(claim.pid);
  if (found === null || "ZX".includes(found.state) || found.ticks !== claim.ticks || claim.boot !== bootId())
    return false;
  return found.group === claim.pid && (uid === null || processOwner(claim.pid) === uid);
}

function answersSignals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    if (isErrno(thrown, "EPERM", "ESRCH")) return isErrno(thrown, "EPERM");
    throw thrown;
  }
}

export function processOwner(pid: number): number | null {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? null;
}

/** The users of whom processes run now. */
export function ownersOfProcesses(): ReadonlySet<number> {
  if (bootId() === null) return new Set();
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return new Set(pids.map((pid) => processOwner(Number(pid))).filter((uid) => uid !== null));
}

export function isPidAlive(pid: number): boolean {
  const found = statOf(pid);
  return found !== null && !"ZX".includes(found.state);
}

/** Every process of the machine, dead ones that nobody has waited for included. */
export function allProcesses(): readonly ProcessStat[] {
  if (bootId() === null) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((found) => found !== null);
}

/** The living processes of the session and group that a supervisor leads or led. */
export function membersOf(supervisor: number, all = allProcesses()): readonly ProcessStat[] {
  return all.filter(
    ({ group, session, state }) => group === supervisor && session === supervisor && !"ZX".includes(state),
  );
}

/** A supervisor, and whether its command has namespaces of its own. */
export interface Kept {
  readonly supervisor: number;
  readonly namespaced: boolean;
}

/** The first process in the namespaces that a supervisor's child made; null: not yet, or no more. */
function firstOf({ supervisor, namespaced }: Kept, all: readonly ProcessStat[]): ProcessStat | null {
  const makers = new Set(all.filter(({ parent }) => namespaced && parent === supervisor).map(({ pid }) => pid));
  return all.find(({ parent }) => makers.has(parent)) ?? null;
}

/** What a supervisor's command is, without the supervisor and the first process in its namespaces. */
function commandOf(kept: Kept, all: readonly ProcessStat[]): readonly ProcessStat[] {
  const leader = kept.namespaced ? (firstOf(kept, all)?.pid ?? 0) : kept.supervisor;
  return membersOf(leader, all).filter(({ pid }) => pid !== leader);
}

/**
 * Who of a supervisor's group is to get a signal. Who handles it itself gets it alone, for it knows what its own children should
 * do: Celery's lose the tasks they are at when anybody else tells them to stop. Who would just die of it, such as a shell
 * that waits for what it started, gets it with its children. Who was `told` before, and all below, is left out. The first
 * process in namespaces gets it before all others. Nobody does before the command has begun. Without /proc it is the whole
 * group, as its negative number.
 */
export function recipients(kept: Kept, signal: number, told: ReadonlySet<number>): readonly number[] {
  if (bootId() === null) return [-kept.supervisor];
  const all = allProcesses();
  const leader = kept.namespaced ? firstOf(kept, all)?.pid : kept.supervisor;
  if (leader === undefined || !catches(leader, constants.signals.SIGTERM)) return [];
  // A shell that was forked and is not yet what it becomes may still have its parent's handlers, and lose the signal.
  const words = commandLineOf(leader);
  const members = commandOf(kept, all).filter(({ pid }) => commandLineOf(pid) !== words);
  const own = new Set(members.map(({ pid }) => pid));
  const reached = ({ pid }: ProcessStat): number[] =>
    catches(pid, signal) ? [pid] : [pid, ...members.filter(({ parent }) => parent === pid).flatMap(reached)];
  const roots = members.filter(({ pid, parent }) => !own.has(parent) && !told.has(pid));
  const found = roots.flatMap(reached);
  return kept.namespaced && found.length > 0 && !told.has(leader) ? [leader, ...found] : found;
}

function commandLineOf(pid: number): string | null {
  return procText(`/proc/${pid}/cmdline`);
}

/** Whether a process has a handler for a signal: that bit of SigCgt in proc(5)'s status. */
function catches(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s+([0-9a-f]+)$/m.exec(procText(`/proc/${pid}/status`) ?? "")?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

/** Whether a process was started with this variable. */
export function hasVariable(pid: number, assignment: string): boolean {
  return (procText(`/proc/${pid}/environ`) ?? "").split("\0").includes(assignment);
}

/** Memory and processor time of a supervisor's command; those before it count for the time that ended children took. */
export function processUsage(kept: Kept, all: readonly ProcessStat[]): Usage {
  const app = commandOf(kept, all);
  const first = firstOf(kept, all);
  const timed = new Set([...membersOf(kept.supervisor, all), ...(first ? [first] : []), ...app]);
  return {
    memoryBytes: app.reduce((sum, member) => sum + residentBytes(member.pid), 0),
    cpuMs: ([...timed].reduce((sum, member) => sum + member.cpuTicks, 0) * 1_000) / ticksPerSecond,
    processes: app.length,
  };
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(procText(`/proc/${pid}/status`) ?? "")?.[1] ?? 0) * 1024;
}
