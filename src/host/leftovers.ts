import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { isErrno } from "../base/faults.ts";
import type { User } from "./users.ts";

interface Leftovers {
  /** Processes that are in it. */
  readonly directory: string;
  /** Processes that have it in their environment: `NAME=value`. */
  readonly variable: string;
  /** Only processes of this user; null: of this process's own. */
  readonly user: User | null;
}

/** How often it is looked again: who multiplies faster than it is ended would keep us forever. */
const rounds = 20;
const roundMs = 5;

/**
 * Ends what a command left running when it had ended, though it went out of its session: whatever is in its directory or has its variable.
 * What has neither any more is not found. Where there is no /proc, nothing is.
 */
export async function endLeftovers(leftovers: Leftovers): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const found = numbers().filter((pid) => belongs(pid, leftovers));
    if (found.length === 0) return;
    for (const pid of found) end(pid);
    await pause(roundMs);
  }
}

function numbers(): readonly number[] {
  return (whereThere(() => readdirSync("/proc")) ?? []).map(Number).filter((pid) => pid > 1 && pid !== process.pid);
}

function belongs(pid: number, { directory, variable, user }: Leftovers): boolean {
  const at = `/proc/${pid}`;
  const uid = user?.uid ?? process.getuid?.();
  if (whereThere(() => statSync(at).uid) !== uid) return false;
  const cwd = whereThere(() => readlinkSync(`${at}/cwd`));
  if (cwd === directory || cwd?.startsWith(`${directory}/`)) return true;
  return (whereThere(() => readFileSync(`${at}/environ`, "latin1")) ?? "").split("\0").includes(variable);
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (!isErrno(thrown, "ESRCH", "EPERM")) throw thrown;
  }
}

/** What /proc says; undefined when the process is gone, or is not ours to look at. */
function whereThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ESRCH", "EACCES", "EPERM", "ENOTDIR")) return undefined;
    throw thrown;
  }
}
