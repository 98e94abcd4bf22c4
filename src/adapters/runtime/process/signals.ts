import { constants } from "node:os";
import { isErrno } from "../../../base/faults.ts";
import { bootId, isPidAlive } from "../../../host/proc.ts";
import type { Clock } from "../../../ports/clock.ts";
import { type Kept, recipients } from "./proc.ts";

/** How soon it is searched for those whom nobody told. */
const lookAgainMs = 50;

/** Signals a process, or a group by its negative; that it has just ended is no error. */
export function send(recipient: number, signal: string): void {
  try {
    process.kill(recipient, numberOf(signal));
  } catch (thrown) {
    if (!isErrno(thrown, "ESRCH")) throw thrown;
  }
}

/**
 * Tells a supervisor's group. Who has a handler may die all the same, as Node does by default, and its children were not told:
 * they are then, until `isOver`.
 */
export function notify(
  { signal, ...kept }: Kept & { signal: string },
  { clock, isOver }: { clock: Clock; isOver: () => boolean },
): void {
  const told = new Set<number>();
  const signalRest = () => {
    for (const pid of recipients(kept, numberOf(signal), told)) {
      told.add(pid);
      send(pid, signal);
    }
  };
  const look = () => {
    if (isOver()) return;
    const ended = [...told].filter((pid) => !isPidAlive(pid));
    for (const pid of ended) told.delete(pid);
    // Nobody: the command has not begun yet.
    if (ended.length > 0 || told.size === 0) signalRest();
    clock.after(lookAgainMs, look);
  };
  signalRest();
  if (bootId() !== null) clock.after(lookAgainMs, look);
}

function numberOf(signal: string): number {
  return constants.signals[signal as NodeJS.Signals];
}
