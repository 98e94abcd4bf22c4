import { Worker } from "node:worker_threads";
import { asFault } from "../base/faults.ts";

/** Time limit for the end of a controller, whatever hangs; service managers wait longer (systemd: 90 s). */
export const endMs = 9_500;
/** Time for all that is closed, and for one of them. */
const allMs = 7_000;
const oneMs = 3_000;
/** Minimum time for everything, even if the time is over: enough to close a file. */
const leastMs = 200;

/** A part of the controller to close, by its name in reports. */
interface Part {
  readonly what: string;
  readonly close: () => Promise<void> | void;
}

/** Open parts, closed from the last to the first. */
export class Closers {
  readonly #parts: Part[] = [];

  add(what: string, close: Part["close"]): void {
    this.#parts.push({ what, close });
  }

  /**
   * Closes everything in at most 9 s. What hangs or fails is abandoned and reported; returns whether everything was
   * closed. A second call has nothing to close.
   */
  async close(notify: (words: string) => void): Promise<boolean> {
    const end = performance.now() + allMs;
    let isAll = true;
    for (const { what, close } of this.#parts.splice(0).reverse()) {
      const patience = Math.max(leastMs, Math.min(oneMs, end - performance.now()));
      const fault = await within(patience, close);
      if (fault === null) continue;
      isAll = false;
      notify(`${what}: ${fault}`);
    }
    return isAll;
  }
}

/** The failure, in words, or null. */
function within(ms: number, close: Part["close"]): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(`did not end within ${ms / 1_000} s and was abandoned`), ms);
    const done = (fault: string | null): void => {
      clearTimeout(timer);
      resolve(fault);
    };
    // Called in a promise, so that an immediate throw is a failure too.
    void Promise.resolve()
      .then(close)
      .then(
        () => done(null),
        (thrown: unknown) => done(asFault(thrown).detail),
      );
  });
}

/**
 * Kills this process with SIGKILL if it still runs after `ms`. A separate thread does it, because the disk or the
 * engine may block the main one; apps and the edge keep running, and the next controller starts as after a crash. The
 * returned function cancels it.
 */
export function killLater(ms: number): () => void {
  const script = `
    setTimeout(() => {
      require("node:fs").writeSync(2, "the controller did not end in time: it is killed, and starts again as after a crash\\n");
      process.kill(process.pid, "SIGKILL");
    }, require("node:worker_threads").workerData);`;
  const worker = new Worker(script, { eval: true, execArgv: [], workerData: ms });
  worker.unref();
  return () => void worker.terminate();
}
