import { constants } from "node:os";
import type { Exit } from "../../../model/instance.ts";
import type { ContainerState } from "./container.ts";
import type { End } from "./folder.ts";

/** The engine's time in milliseconds; null for its zero time, which means never. */
export function timeOf(text: string): number | null {
  const at = Date.parse(text);
  return at > 0 ? at : null;
}

/** How a container that does not run any more ended. */
export function endOf(state: ContainerState, now: number): End {
  return { at: timeOf(state.FinishedAt) ?? now, code: state.ExitCode, isOutOfMemory: state.OOMKilled };
}

/**
 * What an end means. Containers end with a number as a shell's `$?`: 126 and 127 are a command that could not be run, from
 * 129 on it is a signal (POSIX sh, 2.8.2). `wasStopped`: we sent a signal; memory that ran out before that is not why.
 */
export function exitOfEnd({ at, code, isOutOfMemory }: End, wasStopped: boolean): Exit {
  if (isOutOfMemory && code !== 0 && !wasStopped) {
    return { at, code: null, signal: "SIGKILL", reason: "out-of-memory" };
  }
  if (code === 126 || code === 127) return { at, code, signal: null, reason: "could-not-start" };
  const signal = Object.entries(constants.signals).find(([, number]) => number + 128 === code)?.[0];
  if (signal !== undefined) return { at, code: null, signal, reason: "signalled" };
  return { at, code, signal: null, reason: "exited" };
}

export function lost(at: number): Exit {
  return { at, code: null, signal: null, reason: "lost" };
}

export function couldNotStart(at: number): Exit {
  return { at, code: null, signal: null, reason: "could-not-start" };
}
