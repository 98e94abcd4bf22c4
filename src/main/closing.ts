import { Worker } from "node:worker_threads";
import { asFault } from "../base/faults.ts";

/** A controller has ended so long after it was asked to, whatever hangs; service managers wait longer (systemd: 90 s). */
export const endMs = 9_500;
/** Time for all that is closed, and for one of them. */
const allMs = 7_000;
const oneMs = 3_000;
/** What everybody gets, also when the time is over: to close a file takes no longer. */
const leastMs = 200;

/** A part of the controller that has to be closed, by the words that it is called when it is given up. */
interface Part {
  readonly what: string;
  readonly close: () => Promise<void> | void;
}

/** What is open, closed from the last to the first. */
export class Closers {
  readonly #parts: Part[] = [];

  add(what: string, close: Part["close"]): void {
    this.#parts.push({ what, close });
  }

  /**
   * Closes everything in at most 9 s. What hangs or fails is given up and told; the answer is whether nothing was, so that
   * nothing is under way any more. Again: there is nothing left to close.
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

/** What went wrong, in words, or null. */
function within(ms: number, close: Part["close"]): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(`did not end within ${ms / 1_000} s and was abandoned`), ms);
    const done = (fault: string | null): void => {
      clearTimeout(timer);
      resolve(fault);
    };
    // Called in a promise, so that one that throws at once is one that fails.
    void Promise.resolve()
      .then(close)
      .then(
        () => done(null),
        (thrown: unknown) => done(asFault(thrown).detail),
      );
  });
}

/**
 * Ends this process by SIGKILL when it is still there after `ms`. A thread of its own does it, since the disk or the engine may
 * hold up the main one; apps and the edge go on, and the next controller starts as after a crash. The answer calls it off.
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
