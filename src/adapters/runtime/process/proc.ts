import { constants } from "node:os";
import { isErrno } from "../../../base/faults.ts";
import {
  allProcesses,
  bootId,
  type ProcessStat,
  processNumbers,
  processOwner,
  procText,
  statOf,
} from "../../../host/proc.ts";
import type { Usage } from "../../../model/instance.ts";
import type { Claim } from "./supervisor.ts";

/** Ticks of proc(5)'s times in a second: USER_HZ, 100 on every Linux that Node supports. */
const ticksPerSecond = 100;

/** How many processes the kernel has killed for lack of memory since boot. */
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

/** The users of whom processes run now. */
export function ownersOfProcesses(): ReadonlySet<number> {
  return new Set(
    processNumbers()
      .map(processOwner)
      .filter((uid) => uid !== null),
  );
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
 * Who of a supervisor's group is to get a signal. Who handles it itself gets it alone, for it knows what its own
 * children should do: Celery's lose the tasks they are at when anybody else tells them to stop. Who would just die of
 * it, such as a shell that waits for what it started, gets it with its children. Who was `told` before, and all below,
 * is omitted. The first process in namespaces gets it before all others. Nobody does before the command has begun.
 * Without /proc it is the whole group, as its negative number.
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
