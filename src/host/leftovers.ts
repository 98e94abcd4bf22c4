import { readlinkSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { isErrno } from "../base/faults.ts";
import { hasVariable, processNumbers, processOwner, procText, unlessGone } from "./proc.ts";
import type { User } from "./users.ts";

interface Leftovers {
  /** Processes that are in it, or to which it is mounted at another path. */
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
    const others = processNumbers().filter((pid) => pid > 1 && pid !== process.pid);
    const found = others.filter((pid) => belongs(pid, leftovers));
    if (found.length === 0) return;
    for (const pid of found) end(pid);
    await pause(roundMs);
  }
}

function belongs(pid: number, { directory, variable, user }: Leftovers): boolean {
  if (processOwner(pid) !== (user?.uid ?? process.getuid?.())) return false;
  const cwd = unlessGone(() => readlinkSync(`/proc/${pid}/cwd`));
  return (
    cwd === directory || cwd?.startsWith(`${directory}/`) || hasVariable(pid, variable) || hasMounted(pid, directory)
  );
}

/** The fourth field is the mounted directory from the root of its file system, with spaces in octal (proc(5), mountinfo). */
function hasMounted(pid: number, directory: string): boolean {
  return (procText(`/proc/${pid}/mountinfo`) ?? "").split("\n").some((line) => {
    const from = line
      .split(" ", 4)[3]
      ?.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));
    return from !== undefined && from !== "/" && directory.endsWith(from);
  });
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (!isErrno(thrown, "ESRCH", "EPERM")) throw thrown;
  }
}
