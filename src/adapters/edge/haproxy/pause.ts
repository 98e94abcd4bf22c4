import type { Clock } from "../../../ports/clock.ts";

/** Waits. The clock's own wait does not keep a process alive, and a command that waits for the edge must not end. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const alive = setInterval(() => undefined, 2 ** 30);
    clock.after(ms, () => {
      clearInterval(alive);
      resolve();
    });
  });
}
